export { PgLocalJobRepository } from './local-job-repository.ts';
