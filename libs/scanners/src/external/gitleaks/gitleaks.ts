import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lt } from 'semver';
import type { ScanContext, ScannerOutcome, ScannerProblem, ScannerVersion } from '../../scanner.ts';
import { installedScanner } from '../external-scanner.ts';
import type { ExternalScannerFactory, InstalledTool } from '../external-scanner.ts';
import { probeVersion } from '../probe.ts';
import { runTool } from '../run-tool.ts';
import type { ToolCall } from '../run-tool.ts';
import type { ExternalSettings } from '../settings.ts';
import { GitleaksReport } from './report.ts';

/** The oldest that is tested. */
const lowest = '8.18.4';
/** Scans folders by the command `dir`; `detect --no-git` before. */
const firstWithDir = '8.19.0';
/** What `go install` builds says this instead of its version. */
const unstamped = 'version is set by build process';

/** gitleaks' own for findings is 1, which is also the one for every error. */
const findingsExitCode = 10;
const maxTargetMegabytes = 10;

/** Where no configuration is named, gitleaks would take one that lies in the source. */
const ownConfig = '[extend]\nuseDefault = true\n';

/** gitleaks over the files of the source (https://github.com/gitleaks/gitleaks). Needs no network. */
export const gitleaks: ExternalScannerFactory = {
  name: 'gitleaks',
  scanType: 'secrets',
  command: 'gitleaks',
  create: (executable, settings) => installedScanner(new Gitleaks(executable, settings)),
};

class Gitleaks implements InstalledTool {
  readonly name = 'gitleaks';
  readonly scanType = 'secrets';
  readonly #executable: string;
  readonly #settings: ExternalSettings;

  constructor(executable: string, settings: ExternalSettings) {
    this.#executable = executable;
    this.#settings = settings;
  }

  /** The version of a program that `go install` has built is `unknown`, and it is driven as the newest. */
  async probe(): Promise<ScannerVersion | ScannerProblem> {
    const probed = await probeVersion({
      name: this.name,
      executable: this.#executable,
      environment: this.#settings.environment,
      args: ['version'],
      pattern: /^v?(\d+\.\d+\.\d+\S*)$/m,
      unstamped,
      lowest,
    });
    return 'problem' in probed ? probed : { version: probed.version, rulesVersion: this.#settings.gitleaks.config };
  }

  async scan(context: ScanContext, version: string): Promise<ScannerOutcome> {
    const reportPath = join(context.workDir, 'report.json');
    const report = new GitleaksReport({ name: this.name, version, sourceDir: context.sourceDir, hashKey: this.#settings.secretHashKey });
    const call = await this.#call(context, version, reportPath);
    return runTool(call, context, { files: (deliver) => report.read(createReadStream(reportPath), deliver) });
  }

  async #call({ sourceDir, workDir }: ScanContext, version: string, reportPath: string): Promise<ToolCall> {
    const { environment, gitleaks: settings } = this.#settings;
    const config = settings.config === '' ? join(workDir, 'gitleaks.toml') : settings.config;
    if (settings.config === '') await writeFile(config, ownConfig);
    return {
      name: this.name,
      executable: this.#executable,
      args: [
        ...(version !== 'unknown' && lt(version, firstWithDir) ? ['detect', '--no-git', `--source=${sourceDir}`] : ['dir', sourceDir]),
        `--config=${config}`,
        ...['--report-format=json', `--report-path=${reportPath}`, `--exit-code=${findingsExitCode}`],
        ...[`--max-target-megabytes=${maxTargetMegabytes}`, '--no-banner', '--no-color', '--log-level=warn'],
      ],
      environment,
      network: false,
      memoryLimitMb: settings.memoryLimitMb,
      memorySetting: 'GITLEAKS_MEMORY_MB',
      exitCodes: {
        done: [0, findingsExitCode],
        failures: {
          1: 'could not scan; mend GITLEAKS_CONFIG or what its last words name',
          126: 'does not know an argument; install a newer one',
        },
      },
    };
  }
}
