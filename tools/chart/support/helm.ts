import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from './manifests.ts';

const run = promisify(execFile);

export const root = join(import.meta.dirname, '..', '..', '..');
export const chartFolder = join(root, 'deploy', 'chart', 'cloudscan');
export const releaseNamespace = 'cloudscan';

/** The oldest Kubernetes that the chart admits, and a new one. */
export const kubernetesVersions = ['1.30', '1.37'] as const;

/** The value files that the chart brings, and what none of them has. */
export const valueSets: Readonly<Record<string, readonly string[]>> = {
  default: ['--set', 'database.host=database.example.com'],
  ...Object.fromEntries(
    readdirSync(chartFolder)
      .map((file) => /^values-(.+)\.yaml$/.exec(file))
      .flatMap((match) => (match === null ? [] : [[match[1]!, ['--values', join(chartFolder, match[0])]]])),
  ),
  full: ['--values', join(import.meta.dirname, '..', 'values-full.yaml')],
  s3: ['--values', join(import.meta.dirname, '..', 'values-s3.yaml')],
  gcs: ['--values', join(import.meta.dirname, '..', 'values-gcs.yaml')],
  azure: ['--values', join(import.meta.dirname, '..', 'values-azure.yaml')],
  minio: ['--values', join(import.meta.dirname, '..', 'values-minio.yaml')],
};

/**
 * Renders the chart as release `cloudscan`.
 *
 * @param args of helm, such as --set
 */
export async function renderText(args: readonly string[], kubernetesVersion: string = kubernetesVersions[0]): Promise<string> {
  const fixed = ['template', 'cloudscan', chartFolder, '--namespace', releaseNamespace, '--kube-version', `${kubernetesVersion}.0`];
  const { stdout } = await run('helm', [...fixed, ...args], { maxBuffer: 2 ** 25 });
  return stdout;
}

export async function render(args: readonly string[], kubernetesVersion?: string): Promise<Manifest[]> {
  const text = await renderText(args, kubernetesVersion);
  // `uniqueKeys`, the default, makes a key that a template writes twice an error.
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}
