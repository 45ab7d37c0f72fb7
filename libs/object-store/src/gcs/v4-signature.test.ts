import { generateKeyPairSync, sign } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import { GoogleAuth, JWT } from 'google-auth-library';
import test from 'ava';
import { signV4 } from './v4-signature.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const clientEmail = 'tests@project.iam.gserviceaccount.com';
const signer = { clientEmail, sign: async (text: string) => sign('RSA-SHA256', Buffer.from(text), privateKey).toString('base64') };
const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const auth = new GoogleAuth({ authClient: new JWT({ email: clientEmail, key }) });
const storage = new Storage({
  projectId: 'project',
  authClient: Object.assign(auth, { getCredentials: async () => ({ client_email: clientEmail }) }),
});
const signedAt = new Date(Math.floor(Date.now() / 1000) * 1000);
const expires = new Date(signedAt.getTime() + 600_000);

/** What both say, in any order of parameters. */
function partsOf(url: string): unknown {
  const { origin, pathname, searchParams } = new URL(url);
  return { origin, pathname, parameters: [...searchParams].sort() };
}

test('signs an upload and its headers as the library of Google does', async (t) => {
  const headers = { 'x-goog-if-generation-match': '0', 'x-goog-content-length-range': '4,4' };
  const [expected] = await storage
    .bucket('bucket')
    .file('a/b')
    .getSignedUrl({ version: 'v4', action: 'write', accessibleAt: signedAt, expires, extensionHeaders: headers });
  const request = {
    method: 'PUT',
    path: '/bucket/a/b',
    host: 'storage.googleapis.com',
    headers,
    query: {},
    signedAt,
    expiresIn: 600,
  } as const;
  t.deepEqual(partsOf(`https://storage.googleapis.com${await signV4(request, signer)}`), partsOf(expected));
});

test('signs a download and its parameters as the library of Google does', async (t) => {
  const query = {
    'response-content-disposition': `attachment; filename="it's (1)!.txt"; filename*=UTF-8''%C3%BC*`,
    'response-content-type': 'text/plain',
  };
  const [expected] = await storage
    .bucket('bucket')
    .file('a/b')
    .getSignedUrl({ version: 'v4', action: 'read', accessibleAt: signedAt, expires, queryParams: query });
  const request = {
    method: 'GET',
    path: '/bucket/a/b',
    host: 'storage.googleapis.com',
    headers: {},
    query,
    signedAt,
    expiresIn: 600,
  } as const;
  t.deepEqual(partsOf(`https://storage.googleapis.com${await signV4(request, signer)}`), partsOf(expected));
});
