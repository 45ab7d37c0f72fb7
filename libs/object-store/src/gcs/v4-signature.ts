import { createHash } from 'node:crypto';

/** What a signed URL allows; V4 signatures of Google Cloud Storage bind all of it. */
export interface SignedRequest {
  readonly method: 'GET' | 'PUT';
  /** Of the bucket and the object, as it stands in the URL. */
  readonly path: string;
  readonly host: string;
  /** That the client has to send, by lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly signedAt: Date;
  /** Seconds. */
  readonly expiresIn: number;
}

export interface Signer {
  readonly clientEmail: string;
  /** RSA with SHA-256 (PKCS 1), in base64. */
  readonly sign: (text: string) => Promise<string>;
}

const algorithm = 'GOOG4-RSA-SHA256';

/**
 * The URL without its origin. The library's own signer refuses an end that has passed, and signs a host without its port.
 * Source: https://cloud.google.com/storage/docs/authentication/canonical-requests
 */
export async function signV4(request: SignedRequest, { clientEmail, sign }: Signer): Promise<string> {
  const time = request.signedAt.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`;
  const headers = Object.entries({ ...request.headers, host: request.host }).sort(byName);
  const signedHeaders = headers.map(([name]) => name).join(';');
  const query = canonicalQuery({
    ...request.query,
    'X-Goog-Algorithm': algorithm,
    'X-Goog-Credential': `${clientEmail}/${scope}`,
    'X-Goog-Date': time,
    'X-Goog-Expires': String(request.expiresIn),
    'X-Goog-SignedHeaders': signedHeaders,
  });
  const lines = headers.map(([name, value]) => `${name}:${value.trim()}\n`).join('');
  const canonical = [request.method, request.path, query, lines, signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n');
  const signature = await sign([algorithm, time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n'));
  return `${request.path}?${query}&X-Goog-Signature=${Buffer.from(signature, 'base64').toString('hex')}`;
}

function canonicalQuery(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** By code points, as canonical requests are ordered. */
function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : Number(a > b);
}

/** RFC 3986: everything but letters, digits and `-._~`. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
