import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { parseByteRange } from '../byte-range.ts';
import type { ByteRange } from '../byte-range.ts';
import { attachmentDisposition } from '../content-disposition.ts';
import type { StoredObject } from './object-files.ts';
import type { GetGrant } from './signed-url.ts';

/** Answers GET and HEAD: 200, 206, 304, 412 or 416 (RFC 9110 sections 13 and 14). Streams; holds a chunk at a time. */
export async function sendObject(
  request: IncomingMessage,
  response: ServerResponse,
  object: StoredObject,
  grant: GetGrant,
  openBytes: (range: ByteRange | null) => Promise<AsyncIterable<Uint8Array>>,
  count: { bytesOut: number },
): Promise<void> {
  const etag = `"${object.etag}"`;
  const headers = headersOf(object, grant, etag);
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
  if (ifMatch !== undefined && !matches(ifMatch, etag)) return end(response, 412, headers);
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) return end(response, 304, headers);

  const range = parseByteRange(rangeHeader(request, etag), object.sizeBytes);
  if (range === 'unsatisfiable') {
    return end(response, 416, { ...headers, 'Content-Range': `bytes */${object.sizeBytes}`, 'Content-Length': 0 });
  }
  const length = range === null ? object.sizeBytes : range.end - range.start + 1;
  const status = range === null ? 200 : 206;
  const contentRange = range === null ? {} : { 'Content-Range': `bytes ${range.start}-${range.end}/${object.sizeBytes}` };
  const head = { ...headers, ...contentRange, 'Content-Length': length };
  if (request.method === 'HEAD') return end(response, status, head);

  const bytes = await openBytes(range);
  response.writeHead(status, head);
  await pipeline(counted(bytes, count), response);
}

function headersOf(object: StoredObject, { filename, contentType }: GetGrant, etag: string): OutgoingHttpHeaders {
  return {
    'Content-Type': contentType,
    'Content-Disposition': attachmentDisposition(filename),
    ETag: etag,
    'Last-Modified': object.createdAt.toUTCString(),
    'Accept-Ranges': 'bytes',
    // An artifact may hold a page of a stranger's making: nothing of it may run on this origin.
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'Cache-Control': 'private, no-cache',
  };
}

/** A Range counts only while the object is still the one that If-Range names (RFC 9110 section 13.1.5). */
function rangeHeader(request: IncomingMessage, etag: string): string | undefined {
  const ifRange = request.headers['if-range'];
  return ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
}

function matches(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}

async function* counted(bytes: AsyncIterable<Uint8Array>, count: { bytesOut: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    count.bytesOut += chunk.length;
    yield chunk;
  }
}

async function end(response: ServerResponse, status: number, headers: OutgoingHttpHeaders): Promise<void> {
  response.writeHead(status, headers);
  await new Promise<void>((resolve) => {
    response.once('close', () => resolve());
    response.end(() => resolve());
  });
}
