import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { formatKubeconfig, readKubeconfig } from './kubeconfig.ts';

function aFile(t: ExecutionContext, text: string, name = 'kubeconfig'): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-kubeconfig-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('reads what it has written, for a token and for a certificate', (t) => {
  const base = { url: 'https://127.0.0.1:6443', certificateAuthority: '-----BEGIN CERTIFICATE-----\n' };
  for (const who of [
    { token: 'secret', clientCertificate: null, clientKey: null },
    { token: null, clientCertificate: 'certificate', clientKey: 'key' },
  ]) {
    const access = { ...base, ...who };
    t.deepEqual(readKubeconfig(aFile(t, formatKubeconfig(access, 'scans'))), access);
  }
});

test('reads certificates and tokens from files beside it', (t) => {
  const authority = aFile(t, 'authority', 'ca.crt');
  const token = aFile(t, 'secret\n', 'token');
  const config = {
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://c', 'certificate-authority': authority } }],
    users: [{ name: 'u', user: { tokenFile: token } }],
  };
  const access = readKubeconfig(aFile(t, JSON.stringify(config)));
  t.like(access, { url: 'https://c', certificateAuthority: 'authority', token: 'secret', clientCertificate: null });
});

test('names the context that is not there', (t) => {
  const path = aFile(t, JSON.stringify({ 'current-context': 'gone', contexts: [], clusters: [], users: [] }));
  t.throws(() => readKubeconfig(path), { message: /no context "gone"/ });
});
