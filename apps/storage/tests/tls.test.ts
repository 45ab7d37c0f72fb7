import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scopeOf } from '@cloudscan/auth';
import type { DomainError } from '@cloudscan/domain';
import type { ClientTls } from '@cloudscan/grpc';
import { StartUpError } from '@cloudscan/process';
import { GrpcStorageClient } from '@cloudscan/storage-client';
import { newId, serverCertificate } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import test from 'ava';
import { newFolder, startStorage } from './support/storage.ts';

/** A certificate that is its own authority, in files of a folder. */
async function identity(folder: string, name: string): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const { certificate, key } = await serverCertificate(['localhost']);
  const files = { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
  writeFileSync(files.certFile, certificate);
  writeFileSync(files.keyFile, key);
  chmodSync(files.keyFile, 0o600);
  return files;
}

/** Asks a service by the orchestrator's client; answers the code of its error, null for an answer. */
async function ask(t: Teardown, port: number, tls: ClientTls | null): Promise<string | null> {
  const client = new GrpcStorageClient({ host: 'localhost', port }, { timeoutMs: 1500, tls });
  t.teardown(() => client.close());
  const scope = scopeOf({ organizationId: newId(), actor: 'test' });
  return client.getArtifact(scope, newId()).then(
    () => null,
    (error: unknown) => (error as DomainError).code,
  );
}

test('with a certificate the service speaks TLS, and to those alone who trust it', async (t) => {
  const folder = newFolder(t);
  const [server, other] = [await identity(folder, 'server'), await identity(folder, 'other')];
  const { app } = await startStorage(t, { tls: { ...server, clientCaFile: null } });
  t.is(await ask(t, app.grpcPort, { caFile: server.certFile, identity: null }), null);
  t.not(await ask(t, app.grpcPort, { caFile: other.certFile, identity: null }), null);
  t.not(await ask(t, app.grpcPort, { caFile: null, identity: null }), null, 'Node.js does not trust it by itself');
  t.not(await ask(t, app.grpcPort, null), null, 'plain text is refused');
});

test('with an authority of clients it serves those alone whom that one knows', async (t) => {
  const folder = newFolder(t);
  const [server, client, stranger] = [
    await identity(folder, 'server'),
    await identity(folder, 'client'),
    await identity(folder, 'stranger'),
  ];
  const { app } = await startStorage(t, { tls: { ...server, clientCaFile: client.certFile } });
  const caFile = server.certFile;
  t.is(await ask(t, app.grpcPort, { caFile, identity: client }), null);
  t.not(await ask(t, app.grpcPort, { caFile, identity: stranger }), null);
  t.not(await ask(t, app.grpcPort, { caFile, identity: null }), null);
});

test('files that cannot be used keep the service from starting, and the sentence names the file', async (t) => {
  const folder = newFolder(t);
  const [server, other] = [await identity(folder, 'server'), await identity(folder, 'other')];
  const missing = join(folder, 'missing.crt');
  const refusal = async (tls: { readonly certFile: string; readonly keyFile: string }): Promise<string> =>
    (await t.throwsAsync(startStorage(t, { tls: { ...tls, clientCaFile: null } }), { instanceOf: StartUpError })).message;
  t.is(await refusal({ ...server, certFile: missing }), `the TLS file ${missing} cannot be read (ENOENT); give this user a PEM file there`);
  const mixed = await refusal({ ...server, keyFile: other.keyFile });
  t.true(mixed.startsWith(`the TLS file ${server.certFile} cannot be used (`), mixed);
  writeFileSync(missing, 'no certificate');
  t.true((await refusal({ ...server, certFile: missing })).startsWith(`the TLS file ${missing} cannot be used (`));
});
