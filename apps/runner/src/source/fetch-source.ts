import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@cloudscan/telemetry';
import type { Dispatcher } from 'undici';
import type { RunnerConfig } from '../config.ts';
import type { Orchestrator } from '../orchestrator/orchestrator.ts';
import type { ProgressReporter } from '../orchestrator/progress-reporter.ts';
import { RunFailure } from '../run-failure.ts';
import { download } from './download.ts';
import { cloneRepository } from './git.ts';
import type { ClonedRevision } from './git.ts';
import { unpack } from './unpack.ts';

export interface FetchOptions {
  readonly config: RunnerConfig;
  readonly orchestrator: Pick<Orchestrator, 'sourceArtifact'>;
  readonly dispatcher: Dispatcher;
  readonly progress: Pick<ProgressReporter, 'set'>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** The tree to scan. */
export interface FetchedSource {
  readonly folder: string;
  /** Null for an upload. */
  readonly revision: ClonedRevision | null;
  /** Lower-case hexadecimal SHA-256 of the archive; empty for a clone. */
  readonly sha256: string;
}

/**
 * Brings the source into the work folder: what was uploaded, or else a clone.
 *
 * @throws RunFailure `source_missing`, `source_invalid`, or `deadline_exceeded` past DOWNLOAD_TIMEOUT
 */
export async function fetchSource(options: FetchOptions): Promise<FetchedSource> {
  const { source, sourceDir: folder } = options.config;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (source.artifactId === '') return { folder, revision: await cloneSource(folder, options), sha256: '' };
  return { folder, revision: null, sha256: await downloadSource(folder, options) };
}

async function cloneSource(folder: string, { config, progress, signal, log }: FetchOptions): Promise<ClonedRevision> {
  progress.set('clone', 0, 'cloning the repository');
  const revision = await cloneRepository(config.source, {
    folder,
    homeDir: join(config.workDir, 'home'),
    environment: config.environment,
    limits: config.unpack,
    timeoutMs: config.timeouts.downloadMs,
    signal,
  });
  log.info({ commit: revision.commit }, 'cloned the repository');
  return revision;
}

async function downloadSource(folder: string, { config, orchestrator, dispatcher, progress, signal, log }: FetchOptions): Promise<string> {
  const archive = join(config.workDir, 'source.archive');
  progress.set('download', 0, 'downloading the source');
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    timeout.abort(new RunFailure('deadline_exceeded', 'the source could not be downloaded in time; raise DOWNLOAD_TIMEOUT'));
  }, config.timeouts.downloadMs);
  let sha256: string;
  try {
    const until = AbortSignal.any([signal, timeout.signal]);
    sha256 = await download(archive, {
      locate: async () => {
        const { artifact, downloadUrl } = await orchestrator.sourceArtifact(config.source.artifactId, until);
        if (downloadUrl === '') throw new RunFailure('source_missing', 'the source was never uploaded; upload it and start the scan again');
        return { url: downloadUrl, sizeBytes: Number(artifact?.sizeBytes ?? 0), sha256: artifact?.sha256 ?? '' };
      },
      dispatcher,
      maxBytes: config.unpack.maxBytes,
      signal: until,
      log,
      onProgress: (fraction) => progress.set('download', fraction, 'downloading the source'),
    });
  } finally {
    clearTimeout(timer);
  }
  progress.set('unpack', 0, 'unpacking the source');
  const onProgress = (fraction: number): void => progress.set('unpack', fraction, 'unpacking the source');
  const report = await unpack(archive, folder, { limits: config.unpack, signal, onProgress });
  await rm(archive);
  log.info(report, 'unpacked the source');
  return sha256;
}
