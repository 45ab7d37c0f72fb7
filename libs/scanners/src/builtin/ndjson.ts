import { ProtocolError } from './protocol.ts';

const newline = 0x0a;

/**
 * The lines of a byte stream, empty ones left out, read no faster than they are taken.
 *
 * @throws ProtocolError for a line above `maxBytes`, so that a runaway writer costs no memory
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string, void> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      pending.push(chunk.subarray(from, end));
      const line = Buffer.concat(pending).toString('utf8');
      if (line !== '') yield line;
      pending = [];
      pendingBytes = 0;
      from = end + 1;
    }
    pending.push(chunk.subarray(from));
    pendingBytes += chunk.length - from;
    if (pendingBytes > maxBytes) throw new ProtocolError(`a line above ${maxBytes} bytes`);
  }
  const rest = Buffer.concat(pending).toString('utf8');
  if (rest !== '') yield rest;
}
