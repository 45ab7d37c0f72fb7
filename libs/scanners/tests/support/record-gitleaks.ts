import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitleaksSource, mapTexts, secrets } from './gitleaks-source.ts';

/**
 * Records what versions of gitleaks say of the source of `gitleaks-source.ts`, with `{{0}}`, `{{1}}` … in the places of its secrets:
 * `node --conditions=@cloudscan/source libs/scanners/tests/support/record-gitleaks.ts VERSION=PROGRAM…`
 */
const source = await gitleaksSource();
const home = mkdtempSync(join(tmpdir(), 'record-'));
const [config, report] = [join(home, 'gitleaks.toml'), join(home, 'report.json')];
writeFileSync(config, '[extend]\nuseDefault = true\n');
for (const [version, program] of process.argv.slice(2).map((each) => each.split('=') as [string, string])) {
  const target = version.startsWith('8.18.') ? ['detect', '--no-git', `--source=${source}`] : ['dir', source];
  const args = [...target, `--config=${config}`, '--report-format=json', `--report-path=${report}`, '--exit-code=0', '--no-banner'];
  execFileSync(program, args, { cwd: home, env: { HOME: home }, stdio: 'ignore' });
  const neutral = mapTexts(JSON.parse(readFileSync(report, 'utf8')), (text) =>
    secrets.reduce((hidden, secret, index) => hidden.replaceAll(secret, `{{${index}}}`), text.replaceAll(source, '{{source}}')),
  );
  writeFileSync(new URL(`../../fixtures/gitleaks-reports/${version}.json`, import.meta.url), `${JSON.stringify(neutral)}\n`);
}
rmSync(source, { recursive: true });
rmSync(home, { recursive: true });
