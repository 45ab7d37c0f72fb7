import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ConfigError } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';
import { requires } from '@cloudscan/testing';
import { trufflehog } from '../src/external/trufflehog/trufflehog.ts';
import { secretHash } from '../src/secrets/redaction.ts';
import { writeZip } from './archives.ts';
import { chars } from './secrets/corpus.ts';
import { doubleOf, installed, scanBy, scannerOf, sourceOf } from './support/external-tools.ts';
import type { SourceFiles } from './support/external-tools.ts';

const needsTrufflehog = requires(test, 'trufflehog');

const version = 'trufflehog 3.92.5\n';
const hashKey = 'key';

const token = 'gh' + 'p_' + chars(36, 'trufflehog');
const [keyId, keySecret] = ['AK' + 'IA' + chars(16, 'trufflehog-aws', 'upper'), chars(40, 'trufflehog-aws-secret', 'base64')];
const privateKey = [
  `-----BEGIN ${'PRIVATE'} KEY-----`,
  chars(64, 'k1', 'base64'),
  chars(40, 'k2', 'base64'),
  `-----END ${'PRIVATE'} KEY-----`,
];

/** A result of TruffleHog 3.92, with what a test wants otherwise. */
function result(file: string, line: number | undefined, fields: Readonly<Record<string, unknown>>): object {
  return {
    SourceMetadata: { Data: { Filesystem: { file, ...(line === undefined ? {} : { line }) } } },
    SourceID: 1,
    SourceType: 15,
    SourceName: 'trufflehog - filesystem',
    DetectorType: 8,
    DetectorName: 'Github',
    DetectorDescription: 'GitHub is a platform for version control and collaboration.',
    DecoderName: 'PLAIN',
    Verified: false,
    VerificationFromCache: false,
    Raw: token,
    RawV2: '',
    Redacted: '',
    ExtraData: { rotation_guide: 'https://howtorotate.com/docs/tutorials/github/', version: '2' },
    StructuredData: null,
    ...fields,
  };
}

/** Scans with a program that prints the results, in which `SOURCE` stands for the source's folder. */
async function scanOf(t: ExecutionContext, files: SourceFiles, results: readonly object[], environment: Environment = {}) {
  const output = results.map((each) => `${JSON.stringify(each)}\n`).join('');
  const script = `print(${JSON.stringify(output)}.replaceAll('SOURCE', args.at(-1)));`;
  const scanner = scannerOf(trufflehog, await doubleOf(t, version, script), { SECRET_HASH_KEY: hashKey, ...environment });
  return scanBy(t, scanner, await sourceOf(t, files));
}

test('fills a finding, and lets nothing of the secret out', async (t) => {
  const files = { 'src/deploy.py': `import os\n\ntoken = "${token}"\n` };
  const { outcome, findings } = await scanOf(t, files, [result('SOURCE/src/deploy.py', 3, { Redacted: token.slice(0, 20) })]);
  t.is(outcome.status, 'succeeded', outcome.errorMessage);
  t.like(findings[0]!, {
    scanType: 'secrets',
    toolName: 'trufflehog',
    toolVersion: '3.92.5',
    ruleId: 'Github',
    severity: 'high',
    title: 'Github credential in the source',
    filePath: 'src/deploy.py',
    startLine: 3,
    endLine: 3,
    startColumn: 10,
    endColumn: 50,
    codeSnippet: 'token = "ghp_[redacted]"',
    cweId: 'CWE-798',
  });
  t.regex(findings[0]!.description, /^GitHub is a platform .*\. Whether it still works was not found out\. Whoever can read this file /);
  t.is(findings[0]!.references[0], 'https://howtorotate.com/docs/tutorials/github/');
  t.deepEqual(JSON.parse(findings[0]!.rawOutput), {
    detector: 'Github',
    detectorType: 8,
    decoder: 'PLAIN',
    verification: 'unknown',
    verificationFailed: false,
    secretHmacSha256: secretHash(token, hashKey),
  });
  t.notRegex(JSON.stringify(findings), new RegExp(token.slice(6, 20)));
});

test('hides both halves of a credential, whatever else stands on the line, and a private key that Redacted begins to show', async (t) => {
  const other = chars(32, 'another-tool', 'hexadecimal');
  const files = { 'a.env': `id=${keyId} secret=${keySecret} other=${other}\n`, 'k.pem': `${privateKey.join('\n')}\n` };
  const key = { DetectorName: 'PrivateKey', Raw: `${privateKey.join('\n')}\n`, Redacted: privateKey.join('\n').slice(0, 64) };
  const aws = { DetectorName: 'AWS', Raw: keyId, RawV2: `${keyId}:${keySecret}`, Redacted: keyId };
  const { findings } = await scanOf(t, files, [result('SOURCE/a.env', 1, aws), result('SOURCE/k.pem', 1, key)]);
  t.is(findings[0]!.codeSnippet, 'id=[redacted] secret=[redacted] other=[redacted]');
  t.like(findings[1]!, { startLine: 1, endLine: 4, startColumn: 1, endColumn: 26, codeSnippet: '[redacted]' });
  for (const secret of [keyId, keySecret, other, ...privateKey.slice(1, 3)])
    t.false(JSON.stringify(findings).includes(secret.slice(4, 20)));
});

test('of a line without end the surroundings of the secret are shown', async (t) => {
  const files = { 'bundle.js': `${'let a = b;'.repeat(20_000)}let t="${token}";${'let c = d;'.repeat(20_000)}` };
  const { findings } = await scanOf(t, files, [result('SOURCE/bundle.js', 1, {})]);
  t.like(findings[0]!, { startLine: 1, startColumn: 200_008, endColumn: 200_048 });
  t.regex(findings[0]!.codeSnippet, /^….*let t="ghp_\[redacted\]";let c = d;.*…$/);
  t.true(findings[0]!.codeSnippet.length < 250);
});

test('what its own try showed is the severity: verified, refused, failed', async (t) => {
  const results = [{ Verified: true }, {}, { VerificationError: `timeout for ${token}` }].map((fields) => result('SOURCE/a', 1, fields));
  const { findings } = await scanOf(t, { a: `${token}\n` }, results, { TRUFFLEHOG_VERIFY: 'true' });
  t.deepEqual(
    findings.map(({ severity, rawOutput }) => [severity, (JSON.parse(rawOutput) as { verification: string }).verification]),
    [
      ['critical', 'verified'],
      ['medium', 'unverified'],
      ['high', 'unknown'],
    ],
  );
  t.is(findings[0]!.title, 'Github credential in the source, and it works');
  t.false(JSON.stringify(findings).includes(token));
});

test('reads results of older versions, which knew no descriptions and no lines', async (t) => {
  const {
    DetectorDescription: _description,
    VerificationFromCache: _cached,
    ...older
  } = result('SOURCE/a', undefined, { ExtraData: null }) as Record<string, unknown>;
  const { findings } = await scanOf(t, { a: `${token}\n` }, [older]);
  t.like(findings[0]!, { ruleId: 'Github', filePath: 'a', startLine: 0, startColumn: 0, codeSnippet: '' });
  t.regex(findings[0]!.description, /^Whether it still works was not found out\. Whoever can read/);
});

test('a detector of one’s own is known by its own name', async (t) => {
  const own = { DetectorName: 'CustomRegex', ExtraData: { name: 'internal-token' } };
  const { findings } = await scanOf(t, { a: `${token}\n` }, [result('SOURCE/a', 1, own)]);
  t.is(findings[0]!.ruleId, 'internal-token');
});

test('shows no place where the file is another than TruffleHog says, or lies outside of the source', async (t) => {
  const results = [result('SOURCE/a', 1, { DecoderName: 'BASE64' }), result('SOURCE/n\u2757.txt', 1, {}), result('SOURCE/../b', 1, {})];
  const { findings, outcome } = await scanOf(t, { a: 'bm90aGluZw==\n' }, results);
  t.deepEqual(
    findings.map(({ filePath, startLine, startColumn, codeSnippet }) => [filePath, startLine, startColumn, codeSnippet]),
    [
      ['a', 1, 0, ''],
      ['n\u2757.txt', 1, 0, ''],
    ],
  );
  t.is(outcome.findingsCount, 2);
});

test('a comment in the source takes a finding out, on its line or above it', async (t) => {
  const files = { a: `x = "${token}" # cloudscan-ignore\n# cloudscan-ignore: not ours\ny = "${token}"\nz = "${token}"\n` };
  const { findings } = await scanOf(
    t,
    files,
    [1, 3, 4].map((line) => result('SOURCE/a', line, {})),
  );
  t.deepEqual(
    findings.map(({ startLine }) => startLine),
    [4],
  );
});

test('equal secrets of one file have fingerprints of their own, without their line', async (t) => {
  const files = { a: `${token}\n${token}\n`, b: `\n\n${token}\n` };
  const places = [
    ['a', 1],
    ['b', 3],
    ['a', 2],
  ] as const;
  const { findings } = await scanOf(
    t,
    files,
    places.map(([file, line]) => result(`SOURCE/${file}`, line, {})),
  );
  t.is(new Set(findings.map(({ fingerprint }) => fingerprint)).size, 3);
  const moved = await scanOf(t, { a: `\n\n\n${token}\n` }, [result('SOURCE/a', 4, {})]);
  t.is(moved.findings[0]!.fingerprint, findings[0]!.fingerprint);
});

test('a report that cannot be read fails the tool, and its words quote no line', async (t) => {
  for (const output of [`{"Raw":"${token}"`, `{"Raw":"${token}"}`, `"${token}"`]) {
    const scanner = scannerOf(trufflehog, await doubleOf(t, version, `print(${JSON.stringify(`${output}\n`)});`));
    const { outcome } = await scanBy(t, scanner, await sourceOf(t, {}));
    t.like(outcome, { status: 'failed', errorMessage: 'trufflehog wrote a report that cannot be read: line 1 is no result of TruffleHog' });
    t.false(JSON.stringify(outcome).includes(token));
  }
});

/** Reports its arguments, the environment and the file of excluded paths. */
const selfReport = `
const excluded = readFileSync(args[args.indexOf('--exclude-paths') + 1], 'utf8');
const place = { Data: { Filesystem: { file: 'x' } } };
print(JSON.stringify({ SourceMetadata: place, DetectorName: 'self', DetectorDescription: JSON.stringify({ args, env, excluded }), Raw: 'x' }) + '\\n');
process.exit(183);
`;

async function selfReportOf(t: ExecutionContext, environment: Environment) {
  const scanner = scannerOf(trufflehog, await doubleOf(t, version, selfReport), environment);
  const sourceDir = await sourceOf(t, {});
  const { outcome, findings } = await scanBy(t, scanner, sourceDir);
  t.is(outcome.status, 'succeeded', '183 means findings');
  const { description } = findings[0]!;
  const seen = JSON.parse(description.slice(0, description.lastIndexOf('}') + 1)) as {
    args: string[];
    env: Record<string, string>;
    excluded: string;
  };
  return { ...seen, sourceDir };
}

test('tries nothing and asks for no update unless it is told to', async (t) => {
  const { args, env, sourceDir } = await selfReportOf(t, { HTTPS_PROXY: 'http://p.example' });
  t.deepEqual(args.slice(0, 6), ['filesystem', '--json', '--no-update', '--no-verification', '--archive-max-size', '256MB']);
  t.is(args.at(-1), sourceDir);
  t.is(env['HTTPS_PROXY'], undefined);
});

test('tries what it finds through the proxy, and takes detectors of one’s own, where it is told to', async (t) => {
  const environment = { TRUFFLEHOG_VERIFY: 'true', TRUFFLEHOG_CONFIG: '/etc/trufflehog.yaml', HTTPS_PROXY: 'http://p.example' };
  const { args, env } = await selfReportOf(t, environment);
  t.false(args.includes('--no-verification'));
  t.deepEqual(args.slice(3, 5), ['--config', '/etc/trufflehog.yaml']);
  t.is(env['HTTPS_PROXY'], 'http://p.example');
});

test('a relative path of a configuration is refused: one in the source must not be read', (t) => {
  const error = t.throws(() => scannerOf(trufflehog, '/usr/bin/trufflehog', { TRUFFLEHOG_CONFIG: 'own.yaml' }), {
    instanceOf: ConfigError,
  });
  t.is(error.message, 'TRUFFLEHOG_CONFIG is "own.yaml"; set it to an absolute path');
});

test('leaves out the folders that the built-in scanner leaves out, below the source only', async (t) => {
  const { excluded, sourceDir } = await selfReportOf(t, {});
  const pattern = new RegExp(excluded.trim().replace(/^\(\?s\)/, ''), 's');
  for (const path of ['.git', '.git/config', 'a/node_modules/b.js', 'a\nb/vendor/c']) t.regex(`${sourceDir}/${path}`, pattern);
  for (const path of [`${sourceDir}/a.git`, `${sourceDir}/src/vendor.py`, `/vendor${sourceDir}/a`]) t.notRegex(path, pattern);
});

test('a TruffleHog that is too old, or another program of the name, is not driven', async (t) => {
  t.deepEqual(await scannerOf(trufflehog, await doubleOf(t, 'trufflehog 3.59.0\n', '')).probe(), {
    problem: 'trufflehog 3.59.0 is too old; install trufflehog 3.60.0 or newer',
  });
  t.regex(
    JSON.stringify(await scannerOf(trufflehog, await doubleOf(t, 'usage: trufflehog [-h]', '')).probe()),
    /does not tell its version/,
  );
});

test('a crash keeps the end of what TruffleHog said, with secrets hidden', async (t) => {
  const scanner = scannerOf(trufflehog, await doubleOf(t, version, `fail(1, 'error: no such detector ' + ${JSON.stringify(token)});`));
  const { outcome } = await scanBy(t, scanner, await sourceOf(t, {}));
  t.like(outcome, { status: 'failed', exitCode: 1, findingsCount: 0 });
  t.regex(outcome.evidence, /^error: no such detector /);
  t.false(JSON.stringify(outcome).includes(token));
});

needsTrufflehog('the installed TruffleHog finds credentials in files and archives, and passes over the folders of others', async (t) => {
  const scanner = await installed(trufflehog, { SECRET_HASH_KEY: hashKey });
  const sourceDir = await sourceOf(t, {
    'deploy.py': `import os\n\ntoken = "${token}"\n`,
    'node_modules/x/a.js': `const t = "${token}";\n`,
    '.git/config': `[remote]\n  url = https://u:${token}@github.com/a/b\n`,
    'ignored.py': `token = "${token}"  # cloudscan-ignore\n`,
  });
  await writeZip(join(sourceDir, 'backup.zip'), { 'deploy.py': `token = "${token}"\n` });
  const { outcome, findings } = await scanBy(t, scanner, sourceDir);
  t.is(outcome.status, 'succeeded', outcome.evidence);
  t.deepEqual(
    findings.map(({ ruleId, filePath, startLine, codeSnippet }) => `${ruleId} ${filePath}:${startLine} ${codeSnippet}`).toSorted(),
    ['Github backup.zip:1 ', 'Github deploy.py:3 token = "ghp_[redacted]"'],
  );
  t.false(JSON.stringify([outcome, findings]).includes(token));
});
