export { createDatabase } from './create-database.ts';
export { createLogins, migrate, rollback, status } from './migrate.ts';
export type { MigrationLog, MigrationStatus } from './migrate.ts';
export { groupRoles } from './roles.ts';
export { dumpSchema } from './schema-dump.ts';
export type { Login } from './roles.ts';
