import { constants } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openSideFile, runSideProcess } from '@cloudscan/process';

/**
 * Stands for a tool in another container: what that writes and how it ends becomes this program's own output and end, and a SIGTERM
 * reaches it. Arguments: the folder that both share, and the name of the file there that holds the results.
 */
const [folder = '', results = ''] = process.argv.slice(2);
/** As far as a timer reaches; whoever started this has the limit. */
const longestMs = 2 ** 31 - 1;

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const { exitCode, signal, stderr } = await runSideProcess(folder, { timeoutMs: longestMs, signal: stop.signal });
process.stderr.write(stderr);
await copyResults();
process.exitCode = exitCode ?? 128 + constants.signals[signal ?? 'SIGTERM'];

async function copyResults(): Promise<void> {
  try {
    await using file = await openSideFile(join(folder, results));
    await pipeline(file.createReadStream({ autoClose: false }), process.stdout);
  } catch (error) {
    process.stderr.write(`the tool's results cannot be read: ${(error as Error).message}\n`);
  }
}
