export { fingerprintKey, levelOf, sourceRoot } from './result.ts';
export { SarifLog, sarifSchemaUri } from './sarif-log.ts';
export type { SarifInvocation, SarifLogOptions, SarifRun, SarifTool } from './sarif-log.ts';
export { artifactUri, repositoryUri } from './uri.ts';
