export type { Principal } from './principal.ts';
export { readRunnerTokens, RunnerTokens } from './runner-tokens.ts';
export type { RunnerClaims } from './runner-tokens.ts';
export { scopeOf, systemScope } from './scope.ts';
export type { OrganizationScope, Scope, SystemScope } from './scope.ts';
