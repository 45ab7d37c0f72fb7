export { RpcClient } from './client.ts';
export type { CallOptions, RpcClientOptions } from './client.ts';
export type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from './definition.ts';
export { HealthClient } from './health-client.ts';
export { GrpcServer, serve } from './server.ts';
export type { CallContext, GrpcServerOptions, Handlers, ServedService } from './server.ts';
export { fromServiceError, toStatus } from './status.ts';
export { readClientTls, readServerTls } from './tls.ts';
export type { ClientTls, ServerTls } from './tls.ts';
export {
  artifactStatusOnWire,
  artifactToWire,
  artifactTypeOnWire,
  failureReasonOnWire,
  findingDraftToWire,
  findingToWire,
  progressToWire,
  scanStatusOnWire,
  scanTypeOnWire,
  severityOnWire,
  toolRunToWire,
  toolStatusOnWire,
} from './wire.ts';
export type { WireEnum } from './wire.ts';
