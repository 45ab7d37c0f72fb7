import type { ScanContext, ScannerOutcome, ScannerProblem, ScannerVersion } from '../../scanner.ts';
import { installedScanner } from '../external-scanner.ts';
import type { ExternalScannerFactory, InstalledTool } from '../external-scanner.ts';
import { probeVersion } from '../probe.ts';
import { runTool } from '../run-tool.ts';
import type { ToolCall } from '../run-tool.ts';
import type { ExternalSettings } from '../settings.ts';
import { ScancodeReport } from './report.ts';

/** The first whose detections stand by file and name SPDX expressions. */
const lowest = '32.0.0';

/**
 * ScanCode over the source (https://scancode-toolkit.readthedocs.io): finds licences by comparing texts, and reads those that manifests
 * state. It brings its licence database along and needs no network.
 */
export const scancode: ExternalScannerFactory = {
  name: 'scancode',
  scanType: 'license',
  command: 'scancode',
  create: (executable, settings) => installedScanner(new Scancode(executable, settings)),
};

class Scancode implements InstalledTool {
  readonly name = 'scancode';
  readonly scanType = 'license';
  readonly #executable: string;
  readonly #settings: ExternalSettings;

  constructor(executable: string, settings: ExternalSettings) {
    this.#executable = executable;
    this.#settings = settings;
  }

  async probe(): Promise<ScannerVersion | ScannerProblem> {
    const probed = await probeVersion({
      name: this.name,
      executable: this.#executable,
      environment: this.#settings.environment,
      args: ['--version'],
      pattern: /ScanCode version:?\s+v?(\d\S*)/,
      lowest,
    });
    if ('problem' in probed) return probed;
    const licenseList = /SPDX License list version:?\s+(\S+)/i.exec(probed.output)?.[1];
    return { version: probed.version, rulesVersion: licenseList === undefined ? '' : `SPDX ${licenseList}` };
  }

  async scan(context: ScanContext): Promise<ScannerOutcome> {
    const report = new ScancodeReport(this.#settings.scancode.policy);
    const outcome = await runTool(this.#call(context), context, {
      stdout: (stdout, deliver) => report.read(stdout, deliver),
      remark: () => report.remark(),
    });
    // One file that it could not read makes it exit with 1, as a crash does; but a crash leaves no report.
    if (outcome.exitCode !== 1 || outcome.status !== 'failed' || !report.isComplete) return outcome;
    return { ...outcome, status: 'succeeded', errorMessage: report.remark(), evidence: '' };
  }

  #call({ sourceDir }: ScanContext): ToolCall {
    const { environment, scancode: settings } = this.#settings;
    return {
      name: this.name,
      executable: this.#executable,
      args: [
        ...['--license', '--license-text', '--license-references', '--package', '--only-findings', '--strip-root', '--quiet'],
        ...['--processes', String(settings.processes), '--timeout', String(settings.fileTimeout), '--json', '-', sourceDir],
      ],
      environment,
      network: false,
      memoryLimitMb: settings.memoryLimitMb,
      memorySetting: 'SCANCODE_MEMORY_MB',
      exitCodes: { done: [0], failures: { 2: `does not know its arguments; install ${this.name} ${lowest} or newer` } },
    };
  }
}
