import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { isAffected } from '../src/sca/match.ts';
import { parseAdvisory } from '../src/sca/osv.ts';
import { ecosystems, normalizeName } from '../src/inventory/dependency.ts';

const maxQueries = 1000;

/** An OSV record as it stands in a file. */
export type OsvRecord = Readonly<Record<string, unknown>> & { readonly id: string; readonly modified: string };

/** How the double deals with the next requests, before it answers by itself again. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Stands in for api.osv.dev with the two calls that the scanner makes, by their documentation
 * (https://google.github.io/osv.dev/api/): up to 1,000 queries in a batch, results in the order of the queries and with ids
 * and times only, `{}` where nothing is known, page tokens that continue one query, errors as `{code, message}`.
 */
export class OsvServer {
  readonly records = new Map<string, OsvRecord>();
  /** Paths of the requests so far. */
  readonly requests: string[] = [];
  /** Taken one per request. */
  readonly behaviours: Behaviour[] = [];
  pageSize = 1000;
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(request.url ?? '');
    const behaviour = this.behaviours.shift();
    if (behaviour !== undefined) {
      behaviour(request, response);
      return;
    }
    const record = /^\/v1\/vulns\/([^/]+)$/.exec(request.url ?? '');
    if (request.method === 'GET' && record !== null) {
      const found = this.records.get(decodeURIComponent(record[1]!));
      answer(response, found === undefined ? 404 : 200, found ?? { code: 5, message: 'Bug not found.' });
    } else if (request.method === 'POST' && request.url === '/v1/querybatch') {
      const { status, body } = this.#queryBatch(await text(request));
      answer(response, status, body);
    } else {
      answer(response, 404, { code: 5, message: 'Not Found' });
    }
  }

  #queryBatch(body: string): { readonly status: number; readonly body: unknown } {
    const { queries = [] } = JSON.parse(body) as { queries?: Query[] };
    if (queries.length > maxQueries) return refusal('Too many queries.');
    const results: unknown[] = [];
    for (const query of queries) {
      const { ecosystem, name } = query.package ?? {};
      if (name === undefined || query.version === undefined) return refusal('Invalid query.');
      const known = ecosystems.find((candidate) => candidate === ecosystem);
      if (known === undefined) return refusal('Invalid ecosystem.');
      const key = JSON.stringify([ecosystem, name, query.version]);
      const [tokenKey, start = '0'] = query.page_token === undefined ? [key] : (JSON.parse(atob(query.page_token)) as [string, string]);
      if (tokenKey !== key) return refusal('Invalid page token.');
      const found = this.#affecting(known, normalizeName(known, name), query.version);
      const page = found.slice(Number(start), Number(start) + this.pageSize);
      const next = Number(start) + this.pageSize;
      results.push({
        ...(page.length === 0 ? {} : { vulns: page.map(({ id, modified }) => ({ id, modified })) }),
        ...(next < found.length ? { next_page_token: btoa(JSON.stringify([key, String(next)])) } : {}),
      });
    }
    return { status: 200, body: { results } };
  }

  #affecting(ecosystem: string, name: string, version: string): OsvRecord[] {
    return [...this.records.values()].filter((record) =>
      parseAdvisory(record)?.affected.some((range) => range.ecosystem === ecosystem && range.name === name && isAffected(range, version)),
    );
  }
}

interface Query {
  readonly package?: { readonly ecosystem?: string; readonly name?: string };
  readonly version?: string;
  readonly page_token?: string;
}

function refusal(message: string): { readonly status: number; readonly body: unknown } {
  return { status: 400, body: { code: 3, message } };
}

/** Answers with a status and, where there is one, a Retry-After header. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(code, headers).end('{}');
  };
}

function answer(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
