import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { storage } from '@cloudscan/contracts';
import { isUuid } from '@cloudscan/domain';
import {
  AttestationError,
  isSubject,
  openEnvelope,
  parseVerificationKeys,
  readScanStatement,
  statementPayloadType,
} from '@cloudscan/provenance';
import type { ScanStatement, VerificationKey } from '@cloudscan/provenance';
import { request } from 'undici';
import { exitCodes, UsageError } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { writeResult } from '../output/destination.ts';
import { attestationDetails } from '../output/attestation.ts';
import { styleOf, visibleJson } from '../output/text-style.ts';
import { patient } from '../server.ts';
import type { ServerClients } from '../server.ts';

export interface VerifyOptions {
  /** Path of the SARIF log; null: what the server has for the scan. */
  readonly sarif: string | null;
  /** Path of public keys in PEM; null: those that the server names. */
  readonly key: string | null;
  readonly json: boolean;
}

/** What is compared, wherever it came from. */
interface Exhibit {
  readonly envelope: Uint8Array;
  readonly keys: readonly VerificationKey[];
  readonly results: AsyncIterable<Uint8Array>;
  /** Null: of any scan. */
  readonly scanId: string | null;
}

/** A file is verified without a server. */
export function isScanId(target: string): boolean {
  return isUuid(target.toLowerCase());
}

/**
 * Checks the attestation of a scan against its results and prints what it says.
 *
 * @throws AttestationError with the reason when anything differs
 */
export async function verifyScan(server: ServerClients, id: string, options: VerifyOptions): Promise<ExitCode> {
  const scanId = id.toLowerCase();
  const attestation = await server.scans.call('getAttestation', { scanId }, patient);
  const keys = options.key === null ? keysOfServer(attestation.publicKeys) : await keysOfFile(options.key);
  const envelope = await buffer(await download(attestation.downloadUrl, 'attestation'));
  const results = options.sarif === null ? await downloadResults(server, scanId) : createReadStream(options.sarif);
  return print(await verify({ envelope, keys, results, scanId }), options);
}

/** The same for an envelope in a file, with nobody to ask. */
export async function verifyFile(path: string, { sarif, key, ...options }: VerifyOptions): Promise<ExitCode> {
  if (sarif === null || key === null) throw new UsageError('give the id of a scan, or with a file both --sarif and --key');
  const [envelope, keys] = await Promise.all([readNamed('the attestation', path), keysOfFile(key)]);
  return print(await verify({ envelope, keys, results: createReadStream(sarif), scanId: null }), { sarif, key, ...options });
}

async function verify({
  envelope,
  keys,
  results,
  scanId,
}: Exhibit): Promise<{ readonly keyId: string; readonly statement: ScanStatement }> {
  const { payload, keyId } = openEnvelope(envelope, statementPayloadType, keys);
  const statement = readScanStatement(payload);
  const attested = statement.predicate.scan.id;
  if (scanId !== null && attested !== scanId) throw new AttestationError(`the attestation is of scan ${attested}, not of ${scanId}`);
  const sha256 = await sha256Of(results);
  if (!isSubject(statement, sha256)) {
    throw new AttestationError(`the results are not those attested: their SHA-256 is ${sha256}`);
  }
  return { keyId, statement };
}

async function print({ keyId, statement }: Awaited<ReturnType<typeof verify>>, { key, json }: VerifyOptions): Promise<ExitCode> {
  const source = key ?? 'the server';
  const text = json
    ? visibleJson({ verified: true, key_id: keyId, key_from: source, statement })
    : attestationDetails(statement, { id: keyId, source }, styleOf(process.stdout));
  await writeResult([`${text}\n`], undefined);
  return exitCodes.clean;
}

function keysOfServer(pems: readonly string[]): readonly VerificationKey[] {
  if (pems.length === 0) throw new UsageError('the server names no key that attestations are verified with; give one by --key');
  return pems.flatMap(parseVerificationKeys);
}

async function keysOfFile(path: string): Promise<readonly VerificationKey[]> {
  const pem = await readNamed('--key', path);
  try {
    return parseVerificationKeys(pem.toString());
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    throw new UsageError(`--key ${path} ${error.message}; give an Ed25519 public key in PEM`, error);
  }
}

async function readNamed(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`${what} ${path} cannot be read: ${(error as Error).message}`, error);
  }
}

async function downloadResults(server: ServerClients, scanId: string): Promise<AsyncIterable<Uint8Array>> {
  const type = storage.ArtifactType.SCAN_RESULTS;
  const { downloadUrl } = await server.scans.call('getDownloadUrl', { scanId, type }, patient);
  return download(downloadUrl, 'SARIF log');
}

async function download(url: string, what: string) {
  const { statusCode, body } = await request(url);
  if (statusCode !== 200) throw new UsageError(`the ${what} could not be downloaded: HTTP ${statusCode}`);
  return body;
}

async function sha256Of(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of content) hash.update(chunk);
  } catch (error) {
    throw new UsageError(`the SARIF log cannot be read: ${(error as Error).message}`, error);
  }
  return hash.digest('hex');
}
