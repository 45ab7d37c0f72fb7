import { writeSync } from 'node:fs';
import { runMain } from '@cloudscan/process';
import { startTestServer } from './test-server.ts';
import type { TestServer } from './test-server.ts';

/** Keeps a PostgreSQL for tests running until Ctrl-C, for `TEST_DATABASE_URL=… npx ava path/to/a.test.ts`; prints its URL on standard output. */
let server: TestServer | null = null;
const stop = async (): Promise<void> => server?.[Symbol.asyncDispose]();

await runMain(async () => ({
  start: async () => {
    server = await startTestServer();
    writeSync(1, `${server.url}\n`);
  },
  stop,
  [Symbol.asyncDispose]: stop,
}));
