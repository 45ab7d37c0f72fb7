import { scanStatuses, scanTypes, severities } from '@cloudscan/domain';
import type { ScanStatus, ScanType, Severity } from '@cloudscan/domain';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { OutputFormat } from './commands/scan.ts';

/** What every command knows. */
export interface GlobalOptions {
  readonly server?: string;
  readonly token?: string;
  readonly tls?: boolean;
  readonly json?: boolean;
  readonly dataDir: string;
  readonly organization: string;
}

export interface ScanFlags {
  readonly types: readonly ScanType[];
  readonly format?: OutputFormat;
  readonly output?: string;
  readonly failOn: Severity | 'never';
  readonly project?: string;
  readonly branch: string;
  readonly commit: string;
  readonly limit: number;
}

export interface ImportFlags {
  readonly project: string;
  readonly type?: ScanType;
  readonly url: string;
  readonly branch: string;
  readonly commit: string;
  readonly failOn: Severity | 'never';
}

export interface VerifyFlags {
  readonly sarif?: string;
  readonly key?: string;
}

/** What the commands do; `main.ts` gives the real ones. */
export interface Actions {
  scan(target: string, flags: ScanFlags, options: GlobalOptions): Promise<void>;
  import(file: string, flags: ImportFlags, options: GlobalOptions): Promise<void>;
  list(flags: { readonly project?: string; readonly status?: ScanStatus; readonly limit: number }, options: GlobalOptions): Promise<void>;
  get(id: string, options: GlobalOptions): Promise<void>;
  watch(id: string, options: GlobalOptions): Promise<void>;
  findings(
    id: string,
    flags: { readonly type?: ScanType; readonly severity?: Severity; readonly limit: number },
    options: GlobalOptions,
  ): Promise<void>;
  artifacts(id: string, flags: { readonly url: boolean }, options: GlobalOptions): Promise<void>;
  verify(target: string, flags: VerifyFlags, options: GlobalOptions): Promise<void>;
  cancel(id: string, options: GlobalOptions): Promise<void>;
  delete(id: string, options: GlobalOptions): Promise<void>;
}

/** The command line, apart from what it does. */
export function createProgram(
  actions: Actions,
  defaults: { readonly dataDir: string; readonly server?: string; readonly token?: string },
): Command {
  const program = new Command('cloudscan')
    .description('Scans source code for vulnerabilities, secrets, vulnerable dependencies and licences.')
    .option(
      '--server <host:port>',
      'the server; by default the one that runs on this machine (environment: CLOUDSCAN_SERVER)',
      defaults.server,
    )
    .addOption(
      new Option('--token <token>', 'bearer token; better given by the environment: CLOUDSCAN_TOKEN').default(
        defaults.token,
        defaults.token === undefined ? undefined : 'from CLOUDSCAN_TOKEN',
      ),
    )
    .option('--tls', 'speak TLS to the server')
    .option('--organization <name>', 'the organization', 'default')
    .option('--data-dir <folder>', 'where a server of this machine keeps its data (environment: CLOUDSCAN_DATA_DIR)', defaults.dataDir)
    .option('--json', 'print JSON')
    .showHelpAfterError('(add --help for the options)')
    .exitOverride();
  const options = (): GlobalOptions => program.opts<GlobalOptions>();

  program
    .command('scan')
    .argument('<path-or-git-url>', 'a folder of this machine, or a URL that the runner clones')
    .description('scan a folder or a git repository and print what was found')
    .addOption(new Option('--types <types>', `comma-separated: ${scanTypes.join(',')}`).argParser(parseTypes).default(scanTypes, 'all'))
    .addOption(new Option('--format <format>', 'how to print the result').choices(['table', 'json', 'sarif']))
    .option('--output <file>', 'write the result to a file instead of standard output')
    .addOption(failOnOption())
    .option('--project <name>', "the project; by default the folder's or the repository's name")
    .option('--branch <name>', 'the branch to clone', '')
    .option('--commit <sha>', 'the commit to check out', '')
    .addOption(limitOption('rows of the table', 100))
    .addHelpText('after', scanExamples)
    .action((target: string, flags: ScanFlags) => actions.scan(target, flags, options()));
  program
    .command('import')
    .argument('<file>', 'a SARIF 2.1.0 log, plain or gzip; - for standard input')
    .description('import what a tool found elsewhere as a scan that has ended')
    .requiredOption('--project <name>', 'the project; made where it is missing')
    .addOption(new Option('--type <type>', 'of all findings; judged by the log when not given').choices(scanTypes))
    .option('--url <git-url>', 'the repository that was scanned; by default what the log says', '')
    .option('--branch <name>', 'its branch', '')
    .option('--commit <sha>', 'its commit', '')
    .addOption(failOnOption())
    .addHelpText('after', importExamples)
    .action((file: string, flags: ImportFlags) => actions.import(file, flags, options()));
  program
    .command('list')
    .description('list scans, newest first')
    .option('--project <name>', 'of one project only')
    .addOption(new Option('--status <status>', 'in one state only').choices(scanStatuses))
    .addOption(limitOption('how many', 20))
    .addHelpText('after', '\nExample:\n  cloudscan list --status failed --limit 5')
    .action((flags: { project?: string; status?: ScanStatus; limit: number }) => actions.list(flags, options()));
  scanCommand(program, 'get', 'show one scan: its state, its tools and what they found').action((id: string) => actions.get(id, options()));
  scanCommand(program, 'watch', 'follow a scan to its end; exits with 3 when it fails or is cancelled').action((id: string) =>
    actions.watch(id, options()),
  );
  scanCommand(program, 'findings', 'list the findings of a scan, most severe first')
    .addOption(new Option('--type <type>', 'of one type only').choices(scanTypes))
    .addOption(new Option('--severity <severity>', 'of one severity only').choices(severities))
    .addOption(limitOption('how many', 100))
    .action((id: string, flags: { type?: ScanType; severity?: Severity; limit: number }) => actions.findings(id, flags, options()));
  scanCommand(program, 'artifacts', 'list the files that belong to a scan')
    .option('--url', 'with a presigned download URL each', false)
    .action((id: string, flags: { url: boolean }) => actions.artifacts(id, flags, options()));
  program
    .command('verify')
    .argument('<scan-id-or-file>', 'the id of a scan, or the file that holds its attestation (DSSE)')
    .description("check a scan's attestation and its results; exits with 4 when anything differs")
    .option('--sarif <file>', 'the results to check, instead of those that the server has')
    .option('--key <file>', 'the public keys to trust (PEM), instead of those that the server names')
    .addHelpText('after', verifyExamples)
    .action((target: string, flags: VerifyFlags) => actions.verify(target, flags, options()));
  scanCommand(program, 'cancel', 'cancel a scan').action((id: string) => actions.cancel(id, options()));
  scanCommand(program, 'delete', 'delete a scan with its findings and artifacts').action((id: string) => actions.delete(id, options()));
  return program;
}

function scanCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .argument('<scan-id>', 'the id that `cloudscan list` shows', parseScanId)
    .description(description)
    .addHelpText('after', `\nExample:\n  cloudscan ${name} 0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11`);
}

function failOnOption(): Option {
  return new Option('--fail-on <severity>', 'exit with 1 when there is a finding at or above it')
    .choices([...severities.slice(0, 4), 'never'])
    .default('high');
}

function limitOption(description: string, fallback: number): Option {
  return new Option('--limit <count>', description).argParser(parseCount).default(fallback);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000) throw new InvalidArgumentError('give a whole number from 1 to 1000000');
  return count;
}

function parseScanId(text: string): string {
  const id = text.toLowerCase();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    throw new InvalidArgumentError('give the id of a scan, as `cloudscan list` shows it');
  return id;
}

function parseTypes(text: string): readonly ScanType[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !(scanTypes as readonly string[]).includes(name));
  if (wrong !== undefined) throw new InvalidArgumentError(`${JSON.stringify(wrong)} is no scan type; choose from ${scanTypes.join(',')}`);
  return scanTypes.filter((type) => names.includes(type));
}

const codes = `
Exit codes:
  0  no finding at or above --fail-on
  1  a finding at or above --fail-on
  2  wrong usage or configuration
  3  the scan failed or was cancelled
`;

const scanExamples = `${codes}
Examples:
  cloudscan scan .
  cloudscan scan . --types sast,secrets --fail-on critical
  cloudscan scan https://git.example/team/app.git --branch main --format sarif --output app.sarif`;

const importExamples = `${codes}
Examples:
  cloudscan import semgrep.sarif --project shop
  codeql database analyze db --format sarif-latest --output - | cloudscan import - --project shop --type sast`;

const verifyExamples = `
Examples:
  cloudscan verify 0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11
  cloudscan verify attestation.dsse.json --sarif results.sarif --key attestation.pub`;
