import { isDeepStrictEqual } from 'node:util';
import { isTrue } from '../object.ts';
import type { Job } from '../object.ts';
import { describeResource } from '../resource.ts';
import type { StatusCause } from '../status.ts';
import { immutable, invalidValue, notSupported, required, validateLabels, validateNonNegative } from '../validation.ts';
import { age, formatDuration } from './cells.ts';
import { setPodDefaults, validatePodSpec } from './pods.ts';

// The pods carry the Job's name as a label.
const maxJobNameLength = 63;
const restartPolicies = 'valid values: "OnFailure", "Never"';

export const jobs = describeResource<Job>({
  group: 'batch',
  plural: 'jobs',
  kind: 'Job',
  categories: ['all'],
  hasStatus: true,
  subresources: ['status'],
  // Kept for old clients: https://kubernetes.io/docs/tasks/administer-cluster/use-cascading-deletion/
  defaultPropagation: 'Orphan',
  fields: ['status.successful'],
  fieldsOf: ({ status }) => ({ 'status.successful': String(status.succeeded ?? 0) }),
  prepare: (job, previous) => {
    if (previous === null) prepareNew(job);
    if (job.spec?.template?.spec !== undefined) setPodDefaults(job.spec.template.spec, undefined);
  },
  validate: (job, previous) => (previous === null ? validateNew(job) : validateUpdate(job, previous)),
  columns: [
    { name: 'Name', cell: (job) => job.metadata.name },
    { name: 'Status', cell: describeState },
    { name: 'Completions', cell: (job) => `${job.status.succeeded ?? 0}/${job.spec.completions ?? job.spec.parallelism ?? 1}` },
    { name: 'Duration', cell: describeDuration },
    { name: 'Age', cell: age },
    { name: 'Containers', isWide: true, cell: (job) => job.spec.template.spec.containers.map(({ name }) => name).join(',') },
    { name: 'Images', isWide: true, cell: (job) => job.spec.template.spec.containers.map(({ image }) => image).join(',') },
    {
      name: 'Selector',
      isWide: true,
      cell: (job) =>
        Object.entries(job.spec.selector?.matchLabels ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
    },
  ],
});

export function isFinishedJob(job: Job): boolean {
  return isTrue(job, 'Complete') || isTrue(job, 'Failed');
}

function prepareNew(job: Job): void {
  const { spec, metadata } = job;
  job.status = {};
  if (spec?.template?.spec === undefined) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= 6;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= 'TerminatingOrFailed';
  metadata.labels ??= { ...spec.template.metadata?.labels };
  if (spec.manualSelector === true) return;
  spec.selector ??= { matchLabels: { 'batch.kubernetes.io/controller-uid': metadata.uid } };
  spec.template.metadata = {
    ...spec.template.metadata,
    labels: {
      ...spec.template.metadata?.labels,
      'batch.kubernetes.io/controller-uid': metadata.uid,
      'batch.kubernetes.io/job-name': metadata.name,
      'controller-uid': metadata.uid,
      'job-name': metadata.name,
    },
  };
}

function validateNew(job: Job): readonly StatusCause[] {
  const { metadata, spec } = job;
  const template = spec?.template;
  if (template?.spec === undefined) {
    return [required('spec.template.spec.containers'), required('spec.template.spec.restartPolicy', restartPolicies)];
  }
  const causes: StatusCause[] = [];
  if (metadata.name.length > maxJobNameLength) {
    causes.push(invalidValue('metadata.name', metadata.name, `must be no more than ${maxJobNameLength} characters`));
  }
  if (spec.manualSelector !== true && spec.selector?.matchLabels['batch.kubernetes.io/controller-uid'] !== metadata.uid) {
    causes.push(invalidValue('spec.selector', spec.selector, '`selector` not auto-generated'));
  }
  causes.push(...validateLabels('spec.template.labels', template.metadata?.labels ?? {}));
  causes.push(...validateNumbers(job), ...validatePodSpec('spec.template.spec', template.spec));
  if (template.spec.restartPolicy === undefined) {
    causes.push(required('spec.template.spec.restartPolicy', restartPolicies));
  } else if (template.spec.restartPolicy === 'Always') {
    causes.push(notSupported('spec.template.spec.restartPolicy', 'Always', ['OnFailure', 'Never']));
  }
  return causes;
}

function validateNumbers({ spec }: Job): readonly StatusCause[] {
  const numbers = ['parallelism', 'completions', 'backoffLimit', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished'] as const;
  return numbers.flatMap((name) => validateNonNegative(`spec.${name}`, spec[name]));
}

function validateUpdate(job: Job, previous: Job): readonly StatusCause[] {
  const fixed = ['selector', 'completions', 'completionMode'] as const;
  const causes = fixed
    .filter((name) => !isDeepStrictEqual(job.spec[name], previous.spec[name]))
    .map((name) => immutable(`spec.${name}`, job.spec[name]));
  // While a Job waits suspended, queueing systems decide where its pods run.
  const mayMove = previous.spec.suspend === true && previous.status.startTime === undefined;
  if (!isDeepStrictEqual(fixedTemplate(job, mayMove), fixedTemplate(previous, mayMove)))
    causes.push(immutable('spec.template', job.spec.template));
  return [...causes, ...validateNumbers(job)];
}

function fixedTemplate({ spec: { template } }: Job, mayMove: boolean): object {
  if (!mayMove) return template;
  const moved = { nodeSelector: undefined, tolerations: undefined, affinity: undefined, schedulingGates: undefined };
  return { metadata: undefined, spec: { ...template.spec, ...moved } };
}

function describeState(job: Job): string {
  if (isTrue(job, 'Complete')) return 'Complete';
  if (isTrue(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (isTrue(job, 'Suspended')) return 'Suspended';
  if (isTrue(job, 'FailureTarget')) return 'FailureTarget';
  return isTrue(job, 'SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function describeDuration({ status }: Job, now: Date): string {
  if (status.startTime === undefined) return '';
  const end = status.completionTime === undefined ? now.getTime() : Date.parse(status.completionTime);
  return formatDuration(end - Date.parse(status.startTime));
}
