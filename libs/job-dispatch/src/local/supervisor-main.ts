import { text } from 'node:stream/consumers';
import { Secret } from '@cloudscan/config';
import { Database, orchestratorRoles } from '@cloudscan/database';
import { PgLocalJobRepository } from '@cloudscan/repositories';
import type { DatabaseInstructions, RunInstructions } from './run-instructions.ts';
import { supervise } from './supervisor.ts';
import type { UseLocalJobs } from './supervisor.ts';

/** One connection, for as long as one piece of work takes. */
function localJobsOf(instructions: DatabaseInstructions): UseLocalJobs {
  const config = { ...instructions, password: new Secret(instructions.password), maxConnections: 2, minConnections: 0 };
  return async (work) => {
    await using database = await Database.connect(config, { applicationName: 'cloudscan-supervisor', roles: orchestratorRoles });
    return await work(new PgLocalJobRepository(database));
  };
}

const terminate = new AbortController();
const input = await text(process.stdin);
// Whoever started this process ended, or lost the claim, before it said what to do: there is nothing to do.
if (input !== '') {
  process.on('SIGTERM', () => terminate.abort());
  process.on('SIGINT', () => terminate.abort());
  const instructions = JSON.parse(input) as RunInstructions;
  await supervise(instructions, localJobsOf(instructions.database), terminate.signal);
}
