import { randomUUID } from 'node:crypto';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeclaredScanner } from '@cloudscan/config';
import { hasSideProcess, runProcess } from '@cloudscan/process';
import { findExecutable } from '../external/external-scanner.ts';
import { probeVersion } from '../external/probe.ts';
import type { ToolEnvironment } from '../external/tool-environment.ts';
import type { Scanner, ScannerProblem } from '../scanner.ts';
import { dockerCall, dockerCommand } from './docker-command.ts';
import type { ContainerSettings } from './settings.ts';

/** A declared tool that comes as an image. */
export type ContainedScanner = DeclaredScanner & { readonly image: string };

export function isContained(declared: DeclaredScanner): declared is ContainedScanner {
  return declared.image !== null;
}

/** Mebibytes of what stands for the tool on this side; the container has a limit of its own. */
const standInMemoryMb = 512;
/** Milliseconds that Docker may take to remove a container. */
const removalMs = 30_000;

/**
 * A declared tool in its image: in a pod in the container beside the runner that waits for it, elsewhere by Docker. Either way a program on
 * this side stands for it, takes its signals, its exit code and its output, so that everything else is as for a tool that is installed.
 *
 * @param byCommand makes the scanner of a declared tool that is installed
 */
export function containedScanner(
  declared: ContainedScanner,
  settings: ContainerSettings,
  environment: ToolEnvironment,
  byCommand: (declared: DeclaredScanner) => Scanner,
): Scanner {
  // A version is found in the log: to ask for it would take a container of its own.
  const standIn = { ...declared, image: null, memoryMb: standInMemoryMb, versionArgs: null, args: [] };
  return settings.toolsDir === null
    ? dockerScanner(declared, settings.dockerHost, environment, (command) =>
        byCommand({ ...standIn, command: [command[0]!], args: command.slice(1) }),
      )
    : sidecarScanner(declared, join(settings.toolsDir, declared.name), (command) => byCommand({ ...standIn, command }));
}

function sidecarScanner(declared: ContainedScanner, folder: string, standInFor: (command: readonly string[]) => Scanner): Scanner {
  const results = declared.args.some((arg) => arg.includes('{results}')) ? 'results.sarif' : 'stdout';
  const standIn = standInFor([process.execPath, ...nodeArguments(), folder, results]);
  const problem = `${declared.name} runs in a container beside the runner's, and ${folder} is not shared with one; start runners by the dispatcher that declares it`;
  return {
    name: declared.name,
    scanType: declared.type,
    probe: async () => ((await hasSideProcess(folder)) ? standIn.probe() : { problem }),
    scan: (context) => standIn.scan(context),
  };
}

/** From sources the program is a `.ts` file and needs the condition that leads workspace imports to sources; from dist neither. */
function nodeArguments(): string[] {
  const extension = extname(fileURLToPath(import.meta.url));
  const main = fileURLToPath(new URL(`./side-process-main${extension}`, import.meta.url));
  return extension === '.ts' ? ['--conditions=@cloudscan/source', '--disable-warning=ExperimentalWarning', main] : [main];
}

function dockerScanner(
  declared: ContainedScanner,
  host: string | null,
  environment: ToolEnvironment,
  standInFor: (command: readonly string[]) => Scanner,
): Scanner {
  const needs = `${declared.name} runs in the image ${declared.image}`;
  const lacksDocker = async (): Promise<ScannerProblem | null> => {
    const docker = await findExecutable('docker', environment.path);
    if (docker === null) {
      return { problem: `${needs}, and no program docker is on PATH; install Docker, or declare ${declared.name} without an image` };
    }
    const [executable = '', ...args] = [...dockerCall({ docker, host }), 'version', '--format', '{{.Server.Version}}'];
    const probed = await probeVersion({ name: 'docker', executable, environment, args, pattern: /^(\d+\.\d+\S*)$/m, lowest: '20.10.0' });
    return 'problem' in probed ? { problem: `${needs}, and Docker does not answer: ${probed.problem}` } : null;
  };
  const scan: Scanner['scan'] = async (context) => {
    const docker = (await findExecutable('docker', environment.path)) ?? 'docker';
    const containerName = `cloudscan-${declared.name}-${randomUUID()}`;
    const user = { uid: process.getuid?.() ?? 1000, gid: process.getgid?.() ?? 1000 };
    try {
      return await standInFor(dockerCommand(declared, { docker, host, containerName, user })).scan(context);
    } finally {
      // A client that was killed leaves its container running.
      const [executable = '', ...args] = [...dockerCall({ docker, host }), 'rm', '--force', containerName];
      const env = { PATH: environment.path, HOME: context.workDir };
      await runProcess(executable, args, { env, timeoutMs: removalMs }).catch(() => undefined);
    }
  };
  const probe: Scanner['probe'] = async () => (await lacksDocker()) ?? { version: '', rulesVersion: '' };
  return { name: declared.name, scanType: declared.type, probe, scan };
}
