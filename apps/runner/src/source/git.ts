import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { runProcess } from '@cloudscan/process';
import { repositoryUri } from '@cloudscan/sarif';
import { redactSecrets } from '@cloudscan/telemetry';
import type { GitProtocol, SourceConfig, UnpackLimits } from '../config.ts';
import { RunFailure } from '../run-failure.ts';
import { UnpackBudget } from './unpack-budget.ts';

export interface CloneOptions {
  /** Exists and is empty; gets the tree, without the repository's own folder. */
  readonly folder: string;
  /** For git's own files; is made. */
  readonly homeDir: string;
  /** PATH, proxies, certificates, an SSH agent. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: UnpackLimits;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Which revision was scanned. */
export interface ClonedRevision {
  readonly url: string;
  /** Empty where the repository's default was taken. */
  readonly branch: string;
  /** Full hexadecimal name. */
  readonly commit: string;
}

const scpLike = /^(?!-)[\w.-]+@(?![-.])[\w.-]+:(?!\/\/)[^\s:][^\s]*$/;
const commitName = /^[0-9a-f]{7,64}$/;
const tries = 2;

/** The protocol of a Git URL: `ssh` for `user@host:path`; null for what is no URL, such as a path, or `ext::…`, which runs a program. */
export function gitProtocolOf(url: string): string | null {
  if (scpLike.test(url)) return 'ssh';
  if (!/^[a-z][a-z0-9+.-]*:\/\//.test(url) || !URL.canParse(url)) return null;
  const { protocol, hostname, username } = new URL(url);
  return hostname.startsWith('-') || username.startsWith('-') ? null : protocol.slice(0, -1);
}

/**
 * Takes one revision of a repository, without its history. Nothing of the repository runs: no hooks, submodules, filters (LFS among
 * them) or links, and no settings but those made here; nobody is asked for a password.
 *
 * @throws RunFailure `source_invalid` for a URL, branch or commit that is not allowed, or a tree beyond the limits; `source_missing` when
 * the repository or revision cannot be had; `deadline_exceeded` when it takes too long
 */
export async function cloneRepository(source: SourceConfig, options: CloneOptions): Promise<ClonedRevision> {
  checkSource(source);
  const git = new Git(await prepareHome(options.homeDir, source), source.allowedProtocols, options);
  await git.run(['init', '--quiet', '--template=', '.'], 'prepare a clone');
  await mkdir(join(options.folder, '.git', 'info'), { recursive: true });
  await writeFile(join(options.folder, '.git', 'info', 'attributes'), noAttributes);
  const commit = await fetchCommit(git, source);
  await git.checkSize(commit);
  await git.run(['checkout', '--quiet', '--force', '--detach', commit], 'check out the revision');
  await rm(join(options.folder, '.git'), { recursive: true, force: true });
  return { url: source.gitUrl, branch: source.gitBranch, commit };
}

function checkSource({ gitUrl, gitBranch, gitCommit, allowedProtocols }: SourceConfig): void {
  const protocol = gitProtocolOf(gitUrl);
  if (protocol === null || !(allowedProtocols as readonly string[]).includes(protocol)) {
    throw new RunFailure(
      'source_invalid',
      `the repository's URL is not allowed here; give one of ${allowedProtocols.map((each) => `${each}://`).join(', ')}`,
    );
  }
  if (gitBranch !== '' && !isRefName(gitBranch)) {
    throw new RunFailure('source_invalid', `${JSON.stringify(gitBranch.slice(0, 100))} is no name of a branch or tag`);
  }
  if (gitCommit !== '' && !commitName.test(gitCommit)) {
    throw new RunFailure(
      'source_invalid',
      `${JSON.stringify(gitCommit.slice(0, 100))} is no name of a commit; give its hexadecimal digits`,
    );
  }
}

/** git-check-ref-format(1), and nothing that a command line or refspec would read as more than a name. */
function isRefName(name: string): boolean {
  if (/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^[-+/]|[/.]$|^@$/.test(name)) return false;
  return name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'));
}

/** Answers the full name of the commit that is here now. */
async function fetchCommit(git: Git, { gitUrl, gitBranch, gitCommit }: SourceConfig): Promise<string> {
  const fetch = ['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--no-auto-maintenance'];
  if (gitCommit === '') {
    await git.runAgain([...fetch, '--depth=1', '--', gitUrl, gitBranch || 'HEAD'], 'fetch the repository');
    return await git.commitOf('FETCH_HEAD');
  }
  const isFullName = gitCommit.length === 40 || gitCommit.length === 64;
  if (!isFullName || !(await git.succeeds([...fetch, '--depth=1', '--', gitUrl, gitCommit]))) {
    // A server need not give single commits, and knows no abbreviated ones: they are looked for in the history.
    await git.runAgain([...fetch, '--', gitUrl, gitBranch || 'HEAD'], 'fetch the repository');
  }
  return await git.commitOf(gitCommit);
}

/** The only settings that count. Filter drivers are defined in settings alone, so an attribute that names one does nothing. */
const gitConfig = `[core]
  hooksPath = /dev/null
  symlinks = false
  fsmonitor = false
  autocrlf = false
  attributesFile = /dev/null
  sshCommand = ssh -oBatchMode=yes -oStrictHostKeyChecking=accept-new
[credential]
  helper =
[submodule]
  recurse = false
[fetch]
  recurseSubmodules = false
[gc]
  auto = 0
[maintenance]
  auto = false
[advice]
  detachedHead = false
[init]
  defaultBranch = main
[transfer]
  bundleURI = false
`;

/**
 * Stands over the repository's own `.gitattributes` (gitattributes(5)): files come as they were committed. What the attributes convert
 * can be many times as large as what was counted (`$Id$`, line ends, encodings).
 */
const noAttributes = '* -text -eol -ident -filter -working-tree-encoding\n';

async function prepareHome(homeDir: string, { gitUrl }: SourceConfig): Promise<string> {
  await mkdir(homeDir, { recursive: true, mode: 0o700 });
  // The repository of a file URL may belong to another user; its own settings are not read from here.
  const safe = gitProtocolOf(gitUrl) === 'file' ? '[safe]\n  directory = *\n' : '';
  await writeFile(join(homeDir, '.gitconfig'), gitConfig + safe, { mode: 0o600 });
  return homeDir;
}

class Git {
  readonly #options: CloneOptions;
  readonly #deadline: number;
  readonly #env: Readonly<Record<string, string>>;

  constructor(home: string, protocols: readonly GitProtocol[], options: CloneOptions) {
    this.#options = options;
    this.#deadline = performance.now() + options.timeoutMs;
    this.#env = {
      ...options.environment,
      HOME: home,
      XDG_CONFIG_HOME: home,
      GIT_CONFIG_GLOBAL: join(home, '.gitconfig'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '/bin/false',
      SSH_ASKPASS: '/bin/false',
      GIT_LFS_SKIP_SMUDGE: '1',
      GIT_ALLOW_PROTOCOL: protocols.join(':'),
      LC_ALL: 'C',
    };
  }

  /** @param purpose as in "could not …" */
  async run(args: readonly string[], purpose: string): Promise<{ readonly stdout: string }> {
    const outcome = await this.#start(args);
    if (outcome.exitCode === 0) return outcome;
    throw new RunFailure('source_missing', `could not ${purpose}: ${lastWords(outcome.stderr)}`);
  }

  /** Networks fail now and then. */
  async runAgain(args: readonly string[], purpose: string): Promise<void> {
    for (let attempt = 1; attempt < tries; attempt += 1) {
      if (await this.succeeds(args)) return;
      await delay(500 * attempt, undefined, { signal: this.#options.signal }).catch(() => this.#options.signal.throwIfAborted());
    }
    await this.run(args, purpose);
  }

  async succeeds(args: readonly string[]): Promise<boolean> {
    return (await this.#start(args)).exitCode === 0;
  }

  /** @throws RunFailure when it is not here */
  async commitOf(revision: string): Promise<string> {
    const { stdout } = await this.run(
      ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
      `find the commit ${revision}`,
    );
    return stdout.trim();
  }

  /** A few objects can name each other into a tree of billions of files: it is counted before it is written. */
  async checkSize(commit: string): Promise<void> {
    const budget = new UnpackBudget(this.#options.limits);
    await this.#start(['ls-tree', '-r', '-t', '-z', '--long', '--full-tree', commit], (stdout) => countTree(stdout, budget));
  }

  async #start(args: readonly string[], onStdout?: (stdout: Readable) => Promise<void>) {
    const { folder, signal } = this.#options;
    const timeoutMs = Math.max(1, this.#deadline - performance.now());
    const outcome = await runProcess('git', args, { cwd: folder, env: this.#env, timeoutMs, signal, onStdout }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new RunFailure('internal', 'git is not installed where the runner runs; install it or upload the source', error);
    });
    signal.throwIfAborted();
    if (outcome.killedBecause === 'timeout') {
      throw new RunFailure('deadline_exceeded', 'the repository could not be cloned in time; raise DOWNLOAD_TIMEOUT or upload the source');
    }
    return outcome;
  }
}

/** `<mode> <type> <object> <size>\t<path>`, each ended by a zero byte (git-ls-tree(1)). */
async function countTree(stdout: Readable, budget: UnpackBudget): Promise<void> {
  let rest = '';
  for await (const chunk of stdout) {
    const records = (rest + (chunk as Buffer).toString('latin1')).split('\0');
    rest = records.pop()!;
    for (const record of records) {
      const size = Number(/^\S+ \S+ \S+ +(\S+)\t/.exec(record)?.[1]) || 0;
      budget.addMember();
      budget.addBytes(size, size);
      budget.checkPath(record.slice(record.indexOf('\t') + 1));
    }
  }
}

/** Git says what is wrong in its last `fatal:` line. URLs in it lose their credentials. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((each) => /^(?:fatal|error|remote): /.test(each)) ?? lines.at(-1) ?? 'git said nothing';
  const withoutCredentials = line.replace(/[a-z+]+:\/\/[^\s']+/g, (url) => repositoryUri(url) ?? 'the repository');
  return redactSecrets(withoutCredentials).slice(0, 300);
}
