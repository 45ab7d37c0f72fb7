import test from 'ava';
import { Secret } from '@cloudscan/config';
import { dataFolder } from './data-folder.ts';
import { planProcesses, stopStages } from './process-plan.ts';
import type { AppName } from './process-plan.ts';

const secrets = {
  databaseSuperuser: new Secret('superuser'),
  databaseOrchestrator: new Secret('orchestrator'),
  databaseStorage: new Secret('storage'),
  storageSigningKey: new Secret('signing'),
  secretHashKey: new Secret('hash'),
};

const plan = planProcesses({
  ports: { grpc: 1, http: 2, storage: 3, storageHttp: 4, database: 5 },
  opsPorts: [11, 12, 13, 14, 15],
  folder: dataFolder('/data'),
  secrets,
  attestationKey: { file: '/data/attestation-key.pem', publicKey: 'public' },
  inherited: {
    ATTESTATION_KEY: 'of another system',
    PATH: '/bin',
    REDIS_HOST: 'cache',
    DB_HOST: 'elsewhere',
    AUTH_MODE: 'jwt',
    RUNNER_PASS_ENV: 'MY_SETTING',
    SCANNERS: 'builtin',
    MY_SETTING: '1',
  },
});

function environmentOf(name: AppName): Readonly<Record<string, string | undefined>> {
  return plan.find((planned) => planned.name === name)!.environment;
}

test('every process has an ops port of its own', (t) => {
  t.deepEqual(
    plan.map(({ environment }) => environment['METRICS_PORT']),
    ['11', '12', '13', '14', '15'],
  );
});

test('what the user set reaches the processes, except for what wires them', (t) => {
  t.like(environmentOf('api-grpc'), {
    PATH: '/bin',
    REDIS_HOST: 'cache',
    DB_HOST: '127.0.0.1',
    DB_PORT: '5',
    AUTH_MODE: 'disabled',
    GRPC_HOST: '127.0.0.1',
  });
});

test('the dispatcher has what it hands on to runners', (t) => {
  t.like(environmentOf('dispatcher'), { SECRET_HASH_KEY: 'hash', SCANNERS: 'builtin', MY_SETTING: '1', RUNNER_PASS_ENV: 'MY_SETTING' });
});

test('storage has a login and a signing key that nobody else is told', (t) => {
  t.like(environmentOf('storage'), {
    DB_USER: 'cloudscan_artifacts',
    DB_PASSWORD: 'storage',
    STORAGE_SIGNING_KEY: 'signing',
    STORAGE_PUBLIC_URL: 'http://127.0.0.1:4',
  });
  for (const { name, environment } of plan.filter((planned) => planned.name !== 'storage')) {
    t.is(environment['DB_PASSWORD'], 'orchestrator', name);
    t.false(
      Object.values(environment).some((value) => value === 'signing' || value === 'storage'),
      name,
    );
  }
});

test('nobody is told the password of the superuser', (t) => {
  for (const { environment } of plan) t.false(Object.values(environment).includes('superuser'));
});

test('every process stops at one stage', (t) => {
  t.deepEqual(stopStages.flat().toSorted(), plan.map(({ name }) => name).toSorted());
});

test('the sweeper alone can sign, by the key of the folder, and api-grpc tells how that is verified', (t) => {
  t.like(environmentOf('sweeper'), { ATTESTATION_KEY: '', ATTESTATION_KEY_FILE: '/data/attestation-key.pem' });
  t.is(environmentOf('api-grpc')['ATTESTATION_PUBLIC_KEYS'], 'public');
  for (const name of ['storage', 'api-grpc', 'api-http', 'dispatcher'] as const) {
    t.false('ATTESTATION_KEY_FILE' in environmentOf(name), name);
  }
});
