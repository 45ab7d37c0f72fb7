import { resolve } from 'node:path';
import type { Environment } from '@cloudscan/config';
import { importLog } from './commands/import.ts';
import { cancelScan, deleteScan, getScan, listArtifacts, listFindings, listScans, watch } from './commands/inspect.ts';
import { parseTarget, runScan } from './commands/scan.ts';
import { isScanId, verifyFile, verifyScan } from './commands/verify.ts';
import type { ExitCode } from './exit-codes.ts';
import { useLocalStack } from './local-stack.ts';
import type { LocalStackUse } from './local-stack.ts';
import type { Actions, GlobalOptions, ImportFlags, ScanFlags, VerifyFlags } from './program.ts';
import { createProgressView } from './progress.ts';
import type { ProgressView } from './progress.ts';
import { connect, parseServer, resolveServer } from './server.ts';
import type { ServerClients } from './server.ts';
import { openLogFile } from './source/log-file.ts';

export interface ActionContext {
  /** The folder of this project, ending in `/`. */
  readonly repository: string;
  readonly cwd: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly onExitCode: (code: ExitCode) => void;
}

/** Asks the server that the options name. */
type Ask = (options: GlobalOptions, question: (server: ServerClients) => Promise<ExitCode>) => Promise<void>;

/** Milliseconds for a stack to come up; the first time it makes a database. */
const stackTimeoutMs = 120_000;

/** Milliseconds to wait for a server before saying that there is none. */
const connectLimitMs = 5000;

export function createActions(context: ActionContext): Actions {
  const ask: Ask = async (options, question) => {
    const server = connect(resolveServer(options.server, resolve(context.cwd, options.dataDir)), options);
    try {
      await server.scans.waitForReady(connectLimitMs);
      context.onExitCode(await question(server));
    } finally {
      server.close();
    }
  };
  return {
    scan: (target, flags, options) => scan(context, target, flags, options),
    import: (file, flags, options) => importFile(context, file, flags, options),
    list: (flags, options) =>
      ask(options, (server) =>
        listScans(server, {
          ...flags,
          project: flags.project,
          status: flags.status,
          organization: options.organization,
          json: options.json ?? false,
        }),
      ),
    get: (id, options) => ask(options, (server) => getScan(server, id, options.json ?? false)),
    watch: (id, options) => ask(options, (server) => watch(server, id, options.json ?? false, context.signal)),
    findings: (id, flags, options) =>
      ask(options, (server) =>
        listFindings(server, id, { type: flags.type, severity: flags.severity, limit: flags.limit, json: options.json ?? false }),
      ),
    artifacts: (id, flags, options) => ask(options, (server) => listArtifacts(server, id, { url: flags.url, json: options.json ?? false })),
    verify: (target, flags, options) => verify(ask, context, target, flags, options),
    cancel: (id, options) => ask(options, (server) => cancelScan(server, id, options.json ?? false)),
    delete: (id, options) => ask(options, (server) => deleteScan(server, id, options.json ?? false)),
  };
}

async function verify(ask: Ask, context: ActionContext, target: string, flags: VerifyFlags, options: GlobalOptions): Promise<void> {
  const path = (file: string | undefined): string | null => (file === undefined ? null : resolve(context.cwd, file));
  const wanted = { sarif: path(flags.sarif), key: path(flags.key), json: options.json ?? false };
  if (isScanId(target)) return ask(options, (server) => verifyScan(server, target, wanted));
  context.onExitCode(await verifyFile(resolve(context.cwd, target), wanted));
}

async function scan(context: ActionContext, text: string, flags: ScanFlags, options: GlobalOptions): Promise<void> {
  const target = parseTarget(text, context.cwd);
  await work(context, options, (server, progress) => {
    const format = flags.format ?? (options.json ? 'json' : 'table');
    const output = flags.output === undefined ? undefined : resolve(context.cwd, flags.output);
    const scanOptions = { ...flags, format, output, project: flags.project, organization: options.organization, env: context.env };
    return runScan(server, target, scanOptions, progress, context.signal);
  });
}

async function importFile(context: ActionContext, file: string, flags: ImportFlags, options: GlobalOptions): Promise<void> {
  const path = file === '-' ? null : resolve(context.cwd, file);
  using log = await openLogFile(path, process.stdin, context.signal);
  const { organization, json = false } = options;
  const importOptions = { ...flags, type: flags.type, gitUrl: flags.url, organization, json };
  await work(context, options, (server, progress) => importLog(server, log, importOptions, progress, context.signal));
}

/** Works with the server that was named, else with the stack of this machine, which is started where none runs. */
async function work(
  context: ActionContext,
  options: GlobalOptions,
  job: (server: ServerClients, progress: ProgressView) => Promise<ExitCode>,
): Promise<void> {
  const progress = createProgressView(process.stderr);
  const local = options.server === undefined ? await startLocal(context, options, progress) : null;
  try {
    const server = connect(parseServer(local === null ? options.server! : local.stack.grpc), options);
    try {
      context.onExitCode(await job(server, progress));
    } finally {
      server.close();
    }
  } finally {
    progress.end();
    await local?.release();
  }
}

function startLocal(context: ActionContext, options: GlobalOptions, progress: ProgressView): Promise<LocalStackUse> {
  const main = `${context.repository}apps/standalone/src/main.ts`;
  return useLocalStack({
    dataDir: resolve(context.cwd, options.dataDir),
    startCommand: [process.execPath, '--conditions=@cloudscan/source', main, 'start', '--on-demand'],
    env: { ...context.env, CLOUDSCAN_DATA_DIR: resolve(context.cwd, options.dataDir) },
    timeoutMs: stackTimeoutMs,
    onStarting: () => progress.update(0, 'starting the local stack'),
    signal: context.signal,
  });
}
