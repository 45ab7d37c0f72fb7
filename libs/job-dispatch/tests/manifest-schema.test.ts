import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '@cloudscan/config';
import { requires } from '@cloudscan/testing';
import test from 'ava';
import { readJobDispatchConfig } from '../src/config.ts';
import { jobManifest } from '../src/kubernetes/manifest.ts';
import { aJobSpec } from './jobs.ts';

const run = promisify(execFile);

const environment = {
  JOB_DISPATCHER: 'kubernetes',
  KUBE_CONFIG: '/nowhere',
  ORCHESTRATOR_ENDPOINT: 'orchestrator:9999',
  RUNNER_IMAGE: 'registry.example/runner:1',
  RUNNER_SECRET_NAME: 'runner-settings',
  RUNNER_TOLERATIONS: '[{"key":"scans","operator":"Exists"}]',
  DECLARED_SCANNERS: JSON.stringify(
    ['sast', 'sca'].map((type) => ({
      name: `${type}-tool`,
      type,
      command: ['tool', '$HOME'],
      args: ['{source}', '{results}'],
      image: 'tool:1',
    })),
  ),
};

/** The oldest Kubernetes that the chart admits, and a new one. */
for (const version of ['1.30', '1.37']) {
  requires(test, 'kubernetes-validate')(`a Job with tools in containers is valid for Kubernetes ${version}`, async (t) => {
    const { runner, ...config } = readConfig(environment, (reader) => readJobDispatchConfig(reader, []));
    if (config.kind !== 'kubernetes') return t.fail();
    const job = jobManifest(aJobSpec({ scanTypes: ['sast', 'sca'] }), runner, config.kubernetes.pod, ['RUNNER_TOKEN']);
    t.is(job.spec?.template.spec?.initContainers?.length, 2);
    const folder = await mkdtemp(join(tmpdir(), 'cloudscan-job-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const path = join(folder, 'job.yaml');
    await writeFile(path, JSON.stringify(job));
    const { stdout } = await run('kubernetes-validate', ['--strict', '--no-warn', '-k', version, path]);
    t.regex(stdout, /passed for resource job\/scan-/);
  });
}
