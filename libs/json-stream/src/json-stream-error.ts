import { formatPath } from './path.ts';
import type { JsonPath } from './path.ts';

/**
 * `syntax`: not JSON (RFC 8259). `truncated`: JSON so far, but the document ends early. `too_deep`, `too_large`: nested deeper, or an item
 * larger, than the reader was allowed to take. `shape`: what is selected lies below an array or an object, and something else stands there.
 */
export type JsonFault = 'syntax' | 'truncated' | 'too_deep' | 'too_large' | 'shape';

/** A document that cannot be read on. */
export class JsonStreamError extends Error {
  readonly fault: JsonFault;
  /** Where the fault lies, for example `$.runs[0].results[3].level`. */
  readonly path: string;
  /** Bytes before the fault. */
  readonly offset: number;

  constructor(fault: JsonFault, problem: string, path: JsonPath, offset: number) {
    const formatted = formatPath(path);
    super(`${problem} at ${formatted} (byte ${offset})`);
    this.name = 'JsonStreamError';
    this.fault = fault;
    this.path = formatted;
    this.offset = offset;
  }
}
