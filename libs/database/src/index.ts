export { readDatabaseConfig, sslModes } from './config.ts';
export type { DatabaseConfig, SslMode } from './config.ts';
export { clientConfig, resolveTls } from './connection.ts';
export { Database } from './database.ts';
export type { DatabaseOptions, DatabaseRoles, QueryResult, Statement, Transaction } from './database.ts';
export { errorCode, isConnectionLoss, isTransient, sqlStates, toDomainError } from './errors.ts';
export { Listener } from './listener.ts';
export type { ListenerOptions } from './listener.ts';
export { lockIds } from './lock-ids.ts';
