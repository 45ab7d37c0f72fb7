import { requires } from '@cloudscan/testing';
import test from 'ava';
import { render, valueSets } from './support/helm.ts';
import { environmentOf, ofKind, workloadsOf } from './support/manifests.ts';
import type { Manifest } from './support/manifests.ts';

const withHelm = requires(test, 'helm');

interface CronJobSpec {
  readonly schedule: string;
  readonly suspend: boolean;
  readonly jobTemplate: { readonly spec: { readonly activeDeadlineSeconds: number } };
}

function cleanerOf(manifests: readonly Manifest[]): CronJobSpec {
  return ofKind(manifests, 'CronJob')[0]!.spec as unknown as CronJobSpec;
}

for (const [name, args] of Object.entries(valueSets)) {
  withHelm(
    `in the values ${name} one cleaner runs at a time, ends before the next is due, and may do nothing with the API server`,
    async (t) => {
      const manifests = await render(args);
      const spec = cleanerOf(manifests);
      t.like(spec, { concurrencyPolicy: 'Forbid', timeZone: 'Etc/UTC', successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 3 });
      t.true(spec.jobTemplate.spec.activeDeadlineSeconds < 86_400);
      const { pod } = workloadsOf(manifests).find(({ component }) => component === 'cleaner')!;
      t.like(pod.spec, { serviceAccountName: 'cloudscan-cleaner', automountServiceAccountToken: false, restartPolicy: 'Never' });
      const bound = ofKind(manifests, 'RoleBinding').flatMap((binding) => (binding as { subjects?: { name: string }[] }).subjects ?? []);
      t.false(bound.some((subject) => subject.name === 'cloudscan-cleaner'));
    },
  );
}

withHelm('cleaner and storage keep scans and artifacts for the same time, and a deployment decides when', async (t) => {
  const manifests = await render([...valueSets['full']!, '--set', 'retentionDays=30']);
  const days = workloadsOf(manifests).flatMap(({ pod }) => environmentOf(pod.spec.containers[0]!)['RETENTION_DAYS'] ?? []);
  t.deepEqual(days, ['30', '30']);
  t.like(cleanerOf(manifests), { schedule: '@hourly', suspend: true });
  t.like(cleanerOf(await render(valueSets['default']!)), { schedule: '17 2 * * *', suspend: false });
  await t.throwsAsync(render([...valueSets['default']!, '--set', 'cleaner.schedule=daily']), { message: /schedule/ });
});
