export type { Principal } from './principal.ts';
export { scopeOf, systemScope } from './scope.ts';
export type { OrganizationScope, Scope, SystemScope } from './scope.ts';
