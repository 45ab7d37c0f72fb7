import type { scan } from '@cloudscan/contracts';
import { invalidArgument } from '@cloudscan/domain';

/**
 * Takes the requests of an import apart: the header, which comes first and once, and the bytes of the log.
 *
 * @throws invalid_argument, the bytes too
 */
export async function readImport(
  requests: AsyncIterable<scan.ImportSarifRequest>,
): Promise<{ readonly header: scan.ImportSarifHeader; readonly chunks: AsyncIterable<Uint8Array> }> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const part = first.done ? undefined : first.value.part;
  if (part?.$case !== 'header') throw invalidArgument('header', 'is missing; send it first');
  return { header: part.value, chunks: chunksOf({ [Symbol.asyncIterator]: () => iterator }) };
}

async function* chunksOf(requests: AsyncIterable<scan.ImportSarifRequest>): AsyncGenerator<Uint8Array> {
  for await (const { part } of requests) {
    switch (part?.$case) {
      case 'chunk':
        yield part.value;
        break;
      case 'header':
        throw invalidArgument('header', 'came twice; send it once');
      case undefined:
        throw invalidArgument('part', 'is not set; send a chunk of the log');
    }
  }
}
