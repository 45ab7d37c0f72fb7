import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requires } from '@cloudscan/testing';
import test from 'ava';
import { parse } from 'yaml';
import { render, root, valueSets } from './support/helm.ts';
import { environmentOf, workloadsOf } from './support/manifests.ts';

const run = promisify(execFile);
const withActionlint = requires(test, 'actionlint');
const withHelm = requires(test, 'helm');
const folder = join(root, '.github', 'workflows');

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      { readonly 'timeout-minutes'?: number; readonly steps: readonly Step[]; readonly strategy?: { readonly matrix: Matrix } }
    >
  >;
}

interface Matrix {
  readonly include?: readonly { readonly image: string; readonly target: string; readonly app: string; readonly projects?: string }[];
}

const files = await readdir(folder);
const workflows = await Promise.all(
  files.map(async (file) => [file, parse(await readFile(join(folder, file), 'utf8')) as Workflow] as const),
);

withActionlint('actionlint finds nothing to complain about in the workflows', async (t) => {
  t.true(files.length >= 4);
  await t.notThrowsAsync(run('actionlint', ['-no-color', ...files.map((file) => join(folder, file))]));
});

for (const [file, { permissions, jobs }] of workflows) {
  test(`${file} may read the code and no more unless a job says so, and uses no moving version`, (t) => {
    t.deepEqual(permissions, { contents: 'read' });
    for (const [name, job] of Object.entries(jobs)) {
      t.truthy(job['timeout-minutes'], name);
      for (const { uses } of job.steps) if (uses !== undefined) t.regex(uses, /^[\w-]+\/[\w-]+@v\d+/, name);
    }
  });
}

test('the files that workflows run are there', (t) => {
  const steps = workflows.flatMap(([, { jobs }]) => Object.values(jobs).flatMap((job) => job.steps));
  const paths = steps.flatMap((step) => step.run?.match(/(?:deploy|docker|\.ci)\/[\w./-]+/g) ?? []);
  t.true(paths.length >= 3);
  for (const path of paths) t.true(existsSync(join(root, path)), path);
});

withHelm('every image that the chart and the compose file run is built and published', async (t) => {
  const built = workflows.flatMap(([, { jobs }]) => Object.values(jobs).flatMap(({ strategy }) => strategy?.matrix.include ?? []));
  const inChart = workloadsOf(await render(valueSets['default']!)).flatMap(({ pod }) => {
    const [container] = pod.spec.containers;
    return [container!.image, environmentOf(container!)['RUNNER_IMAGE'] ?? []].flat();
  });
  const compose = parse(await readFile(join(root, 'docker', 'compose.yaml'), 'utf8'), { merge: true }) as {
    services: Record<string, { image: string; build?: { target: string; args: { APP: string; PROJECTS?: string } } }>;
  };
  const inCompose = Object.values(compose.services).filter(({ build }) => build !== undefined);
  const names = [...inChart, ...inCompose.map(({ image }) => image)].map((image) => /^cloudscan\/([\w-]+)(?::.*)?$/.exec(image)![1]!);
  t.deepEqual(built.map(({ image }) => image).toSorted(), [...new Set(names)].toSorted());
  for (const { image, build } of inCompose) {
    const row = built.find((one) => `cloudscan/${one.image}` === image)!;
    t.like(
      { target: row.target, APP: row.app, PROJECTS: row.projects },
      { target: build!.target, APP: build!.args.APP, PROJECTS: build!.args.PROJECTS },
    );
  }
  for (const { app } of built) t.true(existsSync(join(root, app, 'src', 'main.ts')), app);
});
