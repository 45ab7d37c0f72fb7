import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import type { File } from '@google-cloud/storage';

/** The bytes of an object as they are stored. */
export function readBytes(file: File, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const bytes = file.createReadStream({ validation: false, decompress: false });
  // The library pipes an answer into two streams, with more listeners than Node takes for sound.
  bytes.once('response', (answer: Readable) => answer.setMaxListeners(20));
  return addAbortSignal(signal, bytes);
}
