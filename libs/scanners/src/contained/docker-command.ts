import type { ContainedScanner } from './contained-scanner.ts';

const results = '/tmp/results.sarif';
/** Processes and threads of one tool. */
const maxProcesses = 1024;

/** Runs a program, whose own output is no result, and writes the results as its standard output. */
const writeResults = '"$@" >&2; code=$?; cat "$0"; exit $code';

export interface DockerRun {
  /** Absolute. */
  readonly docker: string;
  readonly host: string | null;
  /** Of the container; unique. */
  readonly containerName: string;
  /** Whose the source is, and so who may read it. */
  readonly user: { readonly uid: number; readonly gid: number };
}

/** What begins each call of Docker. */
export function dockerCall({ docker, host }: Pick<DockerRun, 'docker' | 'host'>): readonly string[] {
  return [docker, ...(host === null ? [] : ['--host', host])];
}

/**
 * The command line that runs a tool in a container which sees nothing but the source, and that read-only: without network, privileges and
 * a root file system to write to. Its SARIF comes by standard output. `{source}` stands for the folder of the source.
 */
export function dockerCommand(tool: ContainedScanner, run: DockerRun): readonly string[] {
  const args = tool.args.map((arg) => arg.replaceAll('{results}', results));
  const program = [...tool.command, ...args];
  const hasFile = tool.args.some((arg) => arg.includes('{results}'));
  const [entrypoint, ...rest] = hasFile ? ['sh', '-c', writeResults, results, ...program] : program;
  return [
    ...dockerCall(run),
    ...['run', '--rm', '--init', '--name', run.containerName, '--pull', 'missing'],
    ...['--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
    ...['--user', `${run.user.uid}:${run.user.gid}`, '--pids-limit', String(maxProcesses)],
    // As much swap as memory is no swap at all.
    ...['--memory', `${tool.memoryMb}m`, '--memory-swap', `${tool.memoryMb}m`],
    ...['--tmpfs', '/tmp:rw,exec,mode=1777', '--env', 'HOME=/tmp', '--env', 'LC_ALL=C.UTF-8', '--workdir', '/tmp'],
    // Where it is on this machine, since a log may name its files by their absolute paths.
    ...['--mount', 'type=bind,source={source},target={source},readonly'],
    ...['--entrypoint', entrypoint!, tool.image, ...rest],
  ];
}
