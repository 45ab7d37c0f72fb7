export { PgCleanerRunRepository } from './cleaner-run-repository.ts';
export { PgLocalJobRepository } from './local-job-repository.ts';
export { createRepositories } from './repositories.ts';
export type { Repositories } from './repositories.ts';
export type { OutgoingMessage, TransactionalJobs } from './transactional-jobs.ts';
