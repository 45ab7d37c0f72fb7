import { request } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A request whose bytes the test sends itself: fetch neither breaks off, nor lies about a length, nor sends a raw path. */
export function openRequest(
  url: string,
  method: string,
  headers: OutgoingHttpHeaders = {},
): { readonly request: ClientRequest; readonly answer: Promise<Answer> } {
  const { hostname, port } = new URL(url);
  const path = url.slice(url.indexOf('/', 'http://'.length));
  const opened = request({ hostname, port, path, method, headers, agent: false });
  const answer = new Promise<Answer>((resolve, reject) => {
    opened.on('error', reject);
    opened.on('response', (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }), reject);
    });
  });
  // A test that breaks a request off does not look at its answer.
  answer.catch(() => undefined);
  return { request: opened, answer };
}

export function send(
  url: string,
  method: string,
  options: { readonly headers?: OutgoingHttpHeaders; readonly body?: string | Buffer } = {},
): Promise<Answer> {
  const { request: opened, answer } = openRequest(url, method, options.headers);
  opened.end(options.body);
  return answer;
}
