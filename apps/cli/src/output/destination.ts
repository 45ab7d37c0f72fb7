import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UsageError } from '../exit-codes.ts';
import { visibleJson } from './text-style.ts';

/** Writes a result to standard output, or whole to a file: a reader never sees half of one. */
export async function writeResult(content: Iterable<string> | AsyncIterable<string | Uint8Array>, file: string | undefined): Promise<void> {
  if (file === undefined) {
    await pipeline(Readable.from(content), process.stdout, { end: false }).catch((error: NodeJS.ErrnoException) => {
      // The reader, `head` for one, had enough.
      if (error.code !== 'EPIPE') throw error;
    });
    return;
  }
  const draft = `${resolve(file)}.${process.pid}.part`;
  try {
    await pipeline(Readable.from(content), createWriteStream(draft));
    renameSync(draft, resolve(file));
  } catch (error) {
    rmSync(draft, { force: true });
    throw new UsageError(`--output ${file} cannot be written: ${(error as Error).message}`, error);
  }
}

/** `{"scan": …, "findings": […], "tools": […]}`, the findings one by one as they arrive. */
export async function* jsonResult(scan: object, tools: readonly object[], findings: AsyncIterable<object>): AsyncGenerator<string> {
  yield `{"scan":${visibleJson(scan)},"findings":[`;
  let separator = '\n';
  for await (const finding of findings) {
    yield separator + visibleJson(finding);
    separator = ',\n';
  }
  yield `],\n"tools":${visibleJson(tools)}}\n`;
}
