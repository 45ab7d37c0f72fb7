import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'cloudscan-cli-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function cloudscan(...args: readonly string[]): Promise<Outcome> {
  const env = { PATH: process.env.PATH, HOME: folder, CLOUDSCAN_DATA_DIR: join(folder, 'data') };
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=@cloudscan/source', main, ...args], { env, cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

test('every command has a help text with an example', async (t) => {
  const { stdout, code } = await cloudscan('--help');
  t.is(code, 0);
  for (const command of ['scan', 'list', 'get', 'watch', 'findings', 'artifacts', 'verify', 'cancel', 'delete']) {
    t.regex(stdout, new RegExp(`^ {2}${command} `, 'm'));
    t.regex((await cloudscan(command, '--help')).stdout, /Example/, command);
  }
});

const misuses: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['a target that is not there', ['scan', './nowhere'], /\.\/nowhere is neither a folder of this machine nor a git URL/],
  ['a target that would be an option of git', ['scan', '--', '--upload-pack=x'], /neither a folder/],
  ['an unknown type', ['scan', '.', '--types', 'sast,dast'], /"dast" is no scan type; choose from sast,sca,secrets,license/],
  ['an unknown format', ['scan', '.', '--format', 'xml'], /Allowed choices are table, json, sarif/],
  ['an unknown threshold', ['scan', '.', '--fail-on', 'info'], /Allowed choices are critical, high, medium, low, never/],
  ['an unknown option', ['list', '--colour'], /unknown option '--colour'/],
  ['an unknown command', ['scam', '.'], /unknown command 'scam'.*scan/s],
  ['a missing argument', ['get'], /missing required argument 'scan-id'/],
  [
    'a file without what it is compared with',
    ['verify', 'attestation.json'],
    /give the id of a scan, or with a file both --sarif and --key/,
  ],
  ['a malformed server', ['--server', 'a:b:c', 'list'], /--server is "a:b:c"; give host:port/],
];

for (const [title, args, message] of misuses) {
  test(`${title} exits with 2 and says how to mend it`, async (t) => {
    const { code, stdout, stderr } = await cloudscan(...args);
    t.is(code, 2);
    t.regex(stderr, message);
    t.is(stdout, '');
  });
}

test('a server that does not answer exits with 2 and says how to start one', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  const { code, stderr } = await cloudscan('--server', `127.0.0.1:${port}`, 'get', '0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11');
  t.is(code, 2);
  t.regex(stderr, /the server does not answer.*npm start/);
});
