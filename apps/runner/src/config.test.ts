import { ConfigError, recordingEnvironment, runnerVariables } from '@cloudscan/config';
import test from 'ava';
import { loadConfig, passedNames } from './config.ts';

const minimal = {
  SCAN_ID: '01981a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b',
  ORCHESTRATOR_ENDPOINT: 'orchestrator:9999',
  SOURCE_ARTIFACT_ID: '01981a2b-0000-7000-8000-00000000000a',
};

test('reads what a runner is given, with defaults for the rest', (t) => {
  const config = loadConfig({
    ...minimal,
    SCAN_TYPES: 'sast,secrets',
    SCAN_ATTEMPT: '3',
    SCAN_TIMEOUT: '900',
    WORK_DIR: '/w',
    RUNNER_TOKEN: 't0ken',
  });
  t.like(config, {
    attempt: 3,
    scanTypes: ['sast', 'secrets'],
    workDir: '/w',
    resultsDir: '/w/results',
    orchestrator: { host: 'orchestrator', port: 9999 },
  });
  t.deepEqual(config.timeouts, { scanMs: 900_000, downloadMs: 600_000, toolMs: 900_000 });
  t.deepEqual(config.source.allowedProtocols, ['https', 'ssh']);
  t.false(JSON.stringify(config).includes('t0ken'));
});

test('a source of 100,000 files or 1 GB is within the default limits', (t) => {
  const { unpack } = loadConfig(minimal);
  t.true(unpack.maxMembers > 200_000 && unpack.maxBytes > 2e9 && unpack.ratioFromBytes > 1e9);
});

test('only what child processes need is passed on', (t) => {
  const config = loadConfig({ ...minimal, PATH: '/bin', HTTPS_PROXY: 'http://proxy', RUNNER_TOKEN: 'x', DB_PASSWORD: 'x', HOME: '/root' });
  t.deepEqual(config.environment, { PATH: '/bin', HTTPS_PROXY: 'http://proxy' });
});

test('every setting of a deployment is handed on to its runners', (t) => {
  const { env, names } = recordingEnvironment(minimal);
  loadConfig(env);
  const ofEachRun = [
    'SCAN_ID',
    'SCAN_ATTEMPT',
    'SCAN_TYPES',
    'SCAN_TIMEOUT',
    'DOWNLOAD_TIMEOUT',
    'RUNNER_MEMORY_BYTES',
    'LOG_LEVEL',
    'ORCHESTRATOR_ENDPOINT',
    'RUNNER_TOKEN',
  ];
  const ofItsSource = ['SOURCE_ARTIFACT_ID', 'REPOSITORY_URL', 'BRANCH', 'COMMIT_SHA'];
  const ofItsPlace = [
    'WORK_DIR',
    'RESULTS_DIR',
    'SOURCE_DIR',
    'TOOLS_DIR',
    'DOCKER_HOST',
    'HOME',
    'XDG_CACHE_HOME',
    'SECRET_HASH_KEY',
    ...passedNames,
  ];
  const known = new Set([...ofEachRun, ...ofItsSource, ...ofItsPlace, ...runnerVariables]);
  t.deepEqual(
    [...names].filter((name) => !known.has(name)),
    [],
    'neither given to each run nor among runnerVariables',
  );
  t.deepEqual(
    runnerVariables.filter((name) => !names.has(name)),
    [],
    'handed on, and read by nobody',
  );
});

test('names every variable that is wrong, and the remedy', (t) => {
  const error = t.throws(
    () =>
      loadConfig({
        SCAN_ID: 'x',
        ORCHESTRATOR_ENDPOINT: 'nowhere',
        SCAN_TYPES: 'sast,magic',
        SCAN_TIMEOUT: '0',
        GIT_ALLOWED_PROTOCOLS: 'ext',
      }),
    { instanceOf: ConfigError },
  );
  for (const name of ['SCAN_ID', 'ORCHESTRATOR_ENDPOINT', 'SCAN_TYPES', 'SCAN_TIMEOUT', 'GIT_ALLOWED_PROTOCOLS', 'SOURCE_ARTIFACT_ID'])
    t.true(error.message.includes(name), name);
});
