import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScanContext, ScannerOutcome, ScannerProblem, ScannerVersion } from '../../scanner.ts';
import { ignoredFolders } from '../../secrets/scan.ts';
import { installedScanner } from '../external-scanner.ts';
import type { ExternalScannerFactory, InstalledTool } from '../external-scanner.ts';
import { probeVersion } from '../probe.ts';
import { runTool } from '../run-tool.ts';
import type { ToolCall } from '../run-tool.ts';
import type { ExternalSettings } from '../settings.ts';
import { TrufflehogReport } from './report.ts';

/** The first with the limits on archives and the results as they are read here. */
const lowest = '3.60.0';

/** Of one member of an archive, unpacked; TruffleHog's own is 2 GB. Archives within archives go ten deep. */
const maxArchiveSize = '256MB';

/**
 * TruffleHog over the files of the source (https://github.com/trufflesecurity/trufflehog): credentials by some eight hundred detectors. Needs
 * no network unless it shall try them.
 */
export const trufflehog: ExternalScannerFactory = {
  name: 'trufflehog',
  scanType: 'secrets',
  command: 'trufflehog',
  create: (executable, settings) => installedScanner(new Trufflehog(executable, settings)),
};

class Trufflehog implements InstalledTool {
  readonly name = 'trufflehog';
  readonly scanType = 'secrets';
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
      pattern: /^trufflehog v?(\d\S*)$/m,
      lowest,
    });
    return 'problem' in probed ? probed : { version: probed.version, rulesVersion: '' };
  }

  async scan(context: ScanContext, version: string): Promise<ScannerOutcome> {
    const { secretHashKey: hashKey, trufflehog: settings } = this.#settings;
    const report = new TrufflehogReport({ name: this.name, version, sourceDir: context.sourceDir, hashKey }, settings.verify);
    const excluded = join(context.workDir, 'excluded-paths');
    await writeFile(excluded, `${excludedPaths(context.sourceDir)}\n`);
    return runTool(this.#call(context, excluded), context, { stdout: (stdout, deliver) => report.read(stdout, deliver) });
  }

  #call({ sourceDir }: ScanContext, excluded: string): ToolCall {
    const { environment, trufflehog: settings } = this.#settings;
    return {
      name: this.name,
      executable: this.#executable,
      args: [
        ...['filesystem', '--json', '--no-update', ...(settings.verify ? [] : ['--no-verification'])],
        ...(settings.config === '' ? [] : ['--config', settings.config]),
        ...['--archive-max-size', maxArchiveSize, '--exclude-paths', excluded, sourceDir],
      ],
      environment,
      network: settings.verify,
      memoryLimitMb: settings.memoryLimitMb,
      memorySetting: 'TRUFFLEHOG_MEMORY_MB',
      // The second is that of `--fail`, should an installation have made it the default.
      exitCodes: { done: [0, 183] },
    };
  }
}

/** A regular expression of Go's over absolute paths: the folders below the source that the built-in scanner passes over too. */
function excludedPaths(sourceDir: string): string {
  return `(?s)^${quoted(sourceDir)}/(.*/)?(${[...ignoredFolders].map(quoted).join('|')})(/|$)`;
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
