export { readAdmissionLimits } from './admission-limits.ts';
export type { AdmissionConfig } from './admission-limits.ts';
export { formatEndpoint, parseEndpoint, readStorageEndpoint } from './endpoint.ts';
export type { Endpoint } from './endpoint.ts';
export { ConfigError, EnvReader, readConfig } from './env.ts';
export type { Environment } from './env.ts';
export { isLoopback, readUnguardedAddress } from './listen-address.ts';
export { recordingEnvironment } from './recording-environment.ts';
export { Secret } from './secret.ts';
