import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chars } from '../secrets/corpus.ts';

const key = `-----BEGIN RSA ${'PRIVATE'} KEY-----\n${chars(64, 'k1', 'base64')}\n${chars(64, 'k2', 'base64')}\n-----END RSA ${'PRIVATE'} KEY-----`;

/** Put together here, so that nothing in this repository has the form of a credential. */
export const secrets = [
  'gh' + 'p_' + chars(36, 'gitleaks1'),
  'gl' + 'pat-' + chars(20, 'gitleaks2'),
  'AI' + 'za' + chars(35, 'gitleaks3'),
  chars(40, 'gitleaks4'),
  'gh' + 'p_' + chars(36, 'gitleaks5'),
  key,
  // What 8.18 takes for the whole key.
  key.slice(0, -1),
] as const;

const [github, gitlab, google, generic, allowed] = secrets;

const files: Readonly<Record<string, string>> = {
  'deploy/prod.env': `# Köln\nGITHUB=${github}\r\nGITLAB=${gitlab}\nAGAIN=${github}\n`,
  'src/app.js': `const first = "${github}", second = "${gitlab}";\n// cloudscan-ignore\nconst google = "${google}";\nconst apiKey = "${generic}";\nconst known = "${allowed}"; // gitleaks:allow\n`,
  'key.pem': `${key}\n`,
  // Would switch every rule off, were it read.
  '.gitleaks.toml': 'title = "none"\n[allowlist]\npaths = [".*"]\n',
};

/** A source that holds the {@link secrets}, in a new folder. */
export async function gitleaksSource(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitleaks-source-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** Every text of a JSON value, replaced. */
export function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mapTexts(each, map)]));
}
