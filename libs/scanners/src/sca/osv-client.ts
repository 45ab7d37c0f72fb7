import { setTimeout as delay } from 'node:timers/promises';
import { ToolFailure } from '../builtin/run-builtin.ts';

/** Bytes; OSV's own limit for one answer. */
const maxAnswerBytes = 32 * 1024 * 1024;
const maxAttempts = 4;
/** Milliseconds; a server that asks for more than this is as good as unreachable. */
const maxRetryAfterMs = 30_000;

export interface OsvClientOptions {
  /** For example `https://api.osv.dev`; a path in front of `/v1` is kept. */
  readonly baseUrl: string;
  /** Milliseconds for one request with its answer. */
  readonly timeoutMs: number;
  /** Milliseconds before the second attempt; each further one waits twice as long. */
  readonly retryDelayMs: number;
  readonly fetch: typeof fetch;
}

/** Speaks HTTP with an OSV server: time limits, and new attempts where the network or the server fails. */
export class OsvClient {
  readonly #options: OsvClientOptions;
  /** Without credentials, which fetch refuses in a URL and which must not show in an error. */
  readonly #baseUrl: URL;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: OsvClientOptions) {
    this.#options = options;
    const url = new URL(options.baseUrl);
    const credentials = [url.username, url.password].map(decodeURIComponent).join(':');
    this.#headers = credentials === ':' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
    url.username = '';
    url.password = '';
    this.#baseUrl = url;
  }

  /**
   * The JSON answer to a GET, or to a POST where there is a body; null for 404.
   *
   * @throws ToolFailure that says what to do, after the last attempt or at once where another can change nothing
   */
  async request(path: string, body?: unknown): Promise<unknown> {
    let problem = '';
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      const answer = await this.#attempt(path, body);
      if (answer.kind === 'answer') return answer.value;
      problem = answer.problem;
      if (answer.kind === 'refused' || attempt === maxAttempts) break;
      await delay(answer.retryAfterMs ?? this.#options.retryDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
    throw this.failure(problem);
  }

  /** The failure of the tool for a problem with this server. */
  failure(problem: string): ToolFailure {
    return new ToolFailure(
      `could not reach the advisory source ${this.#baseUrl.origin}: ${problem}; set ADVISORY_SOURCE to a reachable OSV server or to a folder of OSV files`,
    );
  }

  async #attempt(path: string, body: unknown): Promise<Attempt> {
    const { timeoutMs } = this.#options;
    try {
      const response = await this.#options.fetch(`${this.#baseUrl.href.replace(/\/+$/, '')}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { ...this.#headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.ok) return { kind: 'answer', value: JSON.parse(await readText(response)) as unknown };
      await response.body?.cancel();
      if (response.status === 404) return { kind: 'answer', value: null };
      const problem = `it answered ${response.status} to ${path}`;
      if (response.status !== 429 && response.status < 500) return { kind: 'refused', problem };
      return { kind: 'failed', problem, retryAfterMs: retryAfter(response) };
    } catch (error) {
      return { kind: 'failed', problem: describe(error, timeoutMs) };
    }
  }
}

type Attempt =
  | { readonly kind: 'answer'; readonly value: unknown }
  /** The same request would fail again. */
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'failed'; readonly problem: string; readonly retryAfterMs?: number };

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw new Error(`it sent more than ${maxAnswerBytes / 1024 / 1024} MiB in one answer`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return seconds >= 0 && seconds * 1000 <= maxRetryAfterMs ? seconds * 1000 : undefined;
}

function describe(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `it did not answer within ${timeoutMs / 1000} s`;
  if (error instanceof SyntaxError) return 'its answer is not JSON';
  // fetch hides the reason (`getaddrinfo ENOTFOUND …`) behind "fetch failed".
  const { cause } = error;
  if (cause instanceof AggregateError) return cause.errors.map((inner: unknown) => (inner as Error).message).join(', ');
  return cause instanceof Error ? cause.message : error.message;
}
