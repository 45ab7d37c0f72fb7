import test from 'ava';
import type { JobSpec } from '@cloudscan/orchestration';
import { runnerEnvironment, scanTimeoutSeconds } from './runner-environment.ts';

const spec: JobSpec = {
  scanId: '01890000-0000-7000-8000-000000000001',
  organizationId: '01890000-0000-7000-8000-000000000002',
  projectId: '01890000-0000-7000-8000-000000000003',
  attempt: 2,
  scanTypes: ['sast', 'license'],
  source: { artifactId: '01890000-0000-7000-8000-000000000004', gitUrl: null, gitBranch: null, gitCommit: null },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
const settings = {
  orchestrator: { host: '127.0.0.1', port: 9999 },
  storage: { host: '::1', port: 8082 },
  deadlineSeconds: 3600,
  downloadTimeoutSeconds: 300,
  logLevel: 'info',
};
const place = { memoryBytes: 4 * 2 ** 30, workDir: '/w/run', resultsDir: '/w/results' };

test('tells the runner what to scan, where to report and where to work, under the names that runner images read', (t) => {
  t.deepEqual(runnerEnvironment(spec, settings, place), {
    SCAN_ID: spec.scanId,
    SCAN_ATTEMPT: '2',
    ORGANIZATION_ID: spec.organizationId,
    PROJECT_ID: spec.projectId,
    SCAN_TYPES: 'sast,license',
    ORCHESTRATOR_ENDPOINT: '127.0.0.1:9999',
    STORAGE_SERVICE_ENDPOINT: '[::1]:8082',
    SOURCE_ARTIFACT_ID: '01890000-0000-7000-8000-000000000004',
    SCAN_TIMEOUT: '3540',
    DOWNLOAD_TIMEOUT: '300',
    RUNNER_MEMORY_BYTES: '4294967296',
    WORK_DIR: '/w/run',
    RESULTS_DIR: '/w/results',
    LOG_LEVEL: 'info',
    TRACEPARENT: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
});

test('names the repository of a scan that is cloned, and no artifact', (t) => {
  const source = { artifactId: null, gitUrl: 'https://example.com/a.git', gitBranch: 'main', gitCommit: 'abc' };
  const environment = runnerEnvironment({ ...spec, source, traceparent: null }, settings, place);
  t.like(environment, { REPOSITORY_URL: 'https://example.com/a.git', BRANCH: 'main', COMMIT_SHA: 'abc' });
  t.false('SOURCE_ARTIFACT_ID' in environment);
  t.false('TRACEPARENT' in environment);
});

test('the scan times out before its Job does, however short the deadline', (t) => {
  for (const deadline of [2, 10, 60, 600, 3600, 86_400]) t.true(scanTimeoutSeconds(deadline) < deadline, String(deadline));
  t.is(scanTimeoutSeconds(86_400), 86_340);
});
