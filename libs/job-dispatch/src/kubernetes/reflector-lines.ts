const newline = 0x0a;

/** A stream that cannot be gone on with from where it broke: what comes there would break it again. */
export class StreamBrokenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StreamBrokenError';
  }
}

/**
 * The lines of a stream of bytes, without their ends. What follows the last line end is not told: the stream was cut in it.
 * Holds one line at most.
 *
 * @param limit bytes that a line may have; StreamBrokenError beyond
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<string, void> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
    if (length > limit) throw new StreamBrokenError(`a line of the stream is longer than ${limit} bytes`);
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      add(chunk.subarray(start, end));
      yield Buffer.concat(parts).toString();
      parts = [];
      length = 0;
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
}
