import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownRules } from '../../src/external/semgrep/semgrep.ts';

/**
 * Records what versions of Semgrep say of `fixtures/semgrep-reports/source`, to be read by a test where none is installed:
 * `node --conditions=@cloudscan/source libs/scanners/tests/support/record-semgrep.ts PROGRAM…`
 */
const folder = fileURLToPath(new URL('../../fixtures/semgrep-reports', import.meta.url));
const source = join(folder, 'source');
for (const program of process.argv.slice(2)) {
  const home = mkdtempSync(join(tmpdir(), 'record-'));
  const options = { cwd: home, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: home, LC_ALL: 'C.UTF-8' } } as const;
  const version = execFileSync(program, ['--version'], options).trim();
  const args = ['scan', '--json', '--metrics=off', '--disable-version-check', '--no-git-ignore', '--no-rewrite-rule-ids'];
  const report = execFileSync(program, [...args, `--config=${ownRules}`, source], { ...options, stdio: 'pipe' });
  const withoutTimes = { ...(JSON.parse(report) as object), time: undefined, profiling_results: undefined };
  writeFileSync(join(folder, `${version}.json`), `${JSON.stringify(withoutTimes).replaceAll(source, '{{source}}')}\n`);
}
