import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ScanContext, ScannerOutcome, ScannerProblem, ScannerVersion } from '../../scanner.ts';
import { installedScanner } from '../external-scanner.ts';
import type { ExternalScannerFactory, InstalledTool } from '../external-scanner.ts';
import { probeVersion } from '../probe.ts';
import { runTool } from '../run-tool.ts';
import type { ToolCall } from '../run-tool.ts';
import type { ExternalSettings } from '../settings.ts';
import { escapingInclude } from './ignore-files.ts';
import { SemgrepReport } from './report.ts';
import type { SemgrepSettings } from './settings.ts';

/** The oldest that is tested. */
const lowest = '1.60.0';

/** Bytes above which a file is data, as Semgrep has it by default. */
const maxTargetBytes = 1_000_000;

/** The rules that this package brings; beside `src` and `dist`, since nobody compiles them. */
export const ownRules = fileURLToPath(new URL('../../../rules/semgrep', import.meta.url));

/** https://semgrep.dev/docs/cli-reference#exit-codes. 3 needs `--strict`, 1 needs `--error`; neither is given. */
const failures: Readonly<Record<number, string>> = {
  2: 'failed; see its last words and scan again',
  3: 'could not parse the source; leave the file out by .semgrepignore',
  4: 'was given a rule with a pattern that it cannot parse; mend SEMGREP_CONFIG',
  5: 'was given rules that are not YAML; mend SEMGREP_CONFIG',
  7: 'was given rules that it cannot read or find; mend SEMGREP_CONFIG',
  8: 'was given rules for a language that it does not know; mend SEMGREP_CONFIG or install a newer version',
  13: 'was refused by its registry; set SEMGREP_CONFIG to rules that need no login',
};

/** Semgrep over the source: code patterns and taint rules. Needs no network unless its rules come from there. */
export const semgrep: ExternalScannerFactory = {
  name: 'semgrep',
  scanType: 'sast',
  command: 'semgrep',
  create: (executable, settings) => installedScanner(new Semgrep(executable, settings)),
};

class Semgrep implements InstalledTool {
  readonly name = 'semgrep';
  readonly scanType = 'sast';
  readonly #executable: string;
  readonly #settings: ExternalSettings;

  constructor(executable: string, settings: ExternalSettings) {
    this.#executable = executable;
    this.#settings = settings;
  }

  async probe(): Promise<ScannerVersion | ScannerProblem> {
    const { environment, semgrep: settings } = this.#settings;
    const probed = await probeVersion({
      name: this.name,
      executable: this.#executable,
      environment,
      args: ['--version', '--disable-version-check'],
      pattern: /^(\d+\.\d+\.\d+)$/m,
      lowest,
      variables,
    });
    if ('problem' in probed) return probed;
    return { version: probed.version, rulesVersion: settings.config === '' ? ownRulesVersion() : settings.config };
  }

  async scan(context: ScanContext, version: string): Promise<ScannerOutcome> {
    const startedAt = performance.now();
    const escaping = await escapingInclude(context.sourceDir);
    if (escaping !== null) return refused(escaping, startedAt);
    const report = new SemgrepReport(context.sourceDir, version);
    return runTool(this.#call(context), context, {
      stdout: (stdout, deliver) => report.read(stdout, deliver),
      remark: () => report.remark(),
      skipped: () => (report.scannedFiles === 0 ? 'no file was found that the rules of semgrep read' : ''),
      lastWords: () => report.lastWords,
    });
  }

  #call({ sourceDir }: ScanContext): ToolCall {
    const { environment, semgrep: settings } = this.#settings;
    return {
      name: this.name,
      executable: this.#executable,
      args: argumentsFor(settings, sourceDir),
      environment,
      network: needsNetwork(settings),
      variables,
      memoryLimitMb: settings.memoryLimitMb,
      memorySetting: 'SEMGREP_MEMORY_MB',
      exitCodes: { done: [0, 1], failures },
    };
  }
}

/** What no argument says to the launcher, which asks before it has read them. */
const variables = { SEMGREP_SEND_METRICS: 'off', SEMGREP_ENABLE_VERSION_CHECK: '0' };

function refused(ignoreFile: string, startedAt: number): ScannerOutcome {
  const errorMessage = `semgrep was not started, since ${ignoreFile} includes a file outside of the source; take that line out`;
  const durationMs = Math.round(performance.now() - startedAt);
  return { status: 'failed', exitCode: -1, findingsCount: 0, durationMs, errorMessage, evidence: '' };
}

function argumentsFor({ config, jobs, ruleTimeout, memoryLimitMb }: SemgrepSettings, sourceDir: string): string[] {
  return [
    'scan',
    '--json',
    '--metrics=off',
    '--disable-version-check',
    // What was uploaded is what is scanned, and git is not asked about a repository that others made.
    '--no-git-ignore',
    // Or else the path of the rules' folder becomes part of their names.
    '--no-rewrite-rule-ids',
    `--config=${config === '' ? ownRules : config}`,
    `--jobs=${jobs}`,
    `--timeout=${ruleTimeout}`,
    // A file that takes more is left out and the others go on; the limit of the whole group stands above it.
    `--max-memory=${Math.floor(memoryLimitMb * 0.75)}`,
    `--max-target-bytes=${maxTargetBytes}`,
    sourceDir,
  ];
}

/** Rules by an absolute path are on this machine; anything else comes from a registry or a server. */
function needsNetwork({ config }: SemgrepSettings): boolean {
  return config !== '' && !isAbsolute(config);
}

/** Changes with every rule. */
function ownRulesVersion(): string {
  const hash = createHash('sha256');
  let rules = 0;
  for (const file of readdirSync(ownRules).toSorted()) {
    const text = readFileSync(`${ownRules}/${file}`, 'utf8');
    hash.update(text);
    rules += text.match(/^ {2}- id: /gm)?.length ?? 0;
  }
  return `${rules} rules ${hash.digest('hex').slice(0, 12)}`;
}
