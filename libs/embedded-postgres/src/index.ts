export { EmbeddedPostgres } from './embedded-postgres.ts';
export type { EmbeddedPostgresOptions } from './embedded-postgres.ts';
