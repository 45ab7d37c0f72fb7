import { join } from 'node:path';
import type { ScanContext, ScannerOutcome, ScannerProblem, ScannerVersion } from '../../scanner.ts';
import { installedScanner } from '../external-scanner.ts';
import type { ExternalScannerFactory, InstalledTool } from '../external-scanner.ts';
import { probeVersion } from '../probe.ts';
import { runTool } from '../run-tool.ts';
import type { ToolCall } from '../run-tool.ts';
import type { ExternalSettings } from '../settings.ts';
import { TrivyReport } from './report.ts';

/** The first with `--scanners`. */
const lowest = '0.37.0';

/** Trivy over the source's lock files (https://trivy.dev): known vulnerabilities. Needs no network while its database is there. */
export const trivy: ExternalScannerFactory = {
  name: 'trivy',
  scanType: 'sca',
  command: 'trivy',
  create: (executable, settings) => installedScanner(new Trivy(executable, settings)),
};

class Trivy implements InstalledTool {
  readonly name = 'trivy';
  readonly scanType = 'sca';
  readonly #executable: string;
  readonly #settings: ExternalSettings;

  constructor(executable: string, settings: ExternalSettings) {
    this.#executable = executable;
    this.#settings = settings;
  }

  async probe(): Promise<ScannerVersion | ScannerProblem> {
    const { environment, trivy: settings } = this.#settings;
    const probed = await probeVersion({
      name: this.name,
      executable: this.#executable,
      environment,
      args: ['version', '--format', 'json', '--cache-dir', settings.cacheDir],
      pattern: /"Version":\s*"v?(\d[^"]*)"/,
      lowest,
      variables,
    });
    if ('problem' in probed) return probed;
    // Without it a scan would fail, and never say that nothing was found.
    const database = /"VulnerabilityDB":\s*\{[^{}]*"UpdatedAt":\s*"([^"]+)"/.exec(probed.output)?.[1];
    if (database === undefined && !settings.update) {
      const folder = join(settings.cacheDir, 'db');
      return {
        problem: `trivy has no vulnerability database in ${folder}; run "trivy fs --download-db-only --cache-dir ${settings.cacheDir} ." or set TRIVY_UPDATE=true`,
      };
    }
    return { version: probed.version, rulesVersion: database ?? '' };
  }

  scan(context: ScanContext, version: string): Promise<ScannerOutcome> {
    const report = new TrivyReport(context.sourceDir, version);
    return runTool(this.#call(context), context, {
      stdout: (stdout, deliver) => report.read(stdout, deliver),
      skipped: () => (report.results === 0 ? 'no lock file was found that trivy reads' : ''),
    });
  }

  #call({ sourceDir, timeoutMs }: ScanContext): ToolCall {
    const { environment, trivy: settings } = this.#settings;
    const database = settings.update
      ? ['--offline-scan', ...(settings.repository === '' ? [] : ['--db-repository', settings.repository])]
      : ['--offline-scan', '--skip-db-update', '--skip-java-db-update'];
    return {
      name: this.name,
      executable: this.#executable,
      args: [
        ...['fs', '--format', 'json', '--list-all-pkgs', '--scanners', 'vuln', '--no-progress', ...database],
        // Its own limit, five minutes if nothing is said, must not come before ours.
        ...['--timeout', `${Math.ceil(timeoutMs / 1000) + 60}s`, '--cache-dir', settings.cacheDir, sourceDir],
      ],
      environment,
      network: settings.update,
      variables,
      memoryLimitMb: settings.memoryLimitMb,
      memorySetting: 'TRIVY_MEMORY_MB',
      exitCodes: { done: [0] },
    };
  }
}

/** What older versions have no argument for, which would be an error there. */
const variables = { TRIVY_INCLUDE_DEV_DEPS: 'true', TRIVY_SKIP_VERSION_CHECK: 'true', TRIVY_DISABLE_TELEMETRY: 'true' };
