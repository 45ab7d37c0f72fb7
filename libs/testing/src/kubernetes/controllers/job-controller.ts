import { isDeepStrictEqual } from 'node:util';
import { parse } from '../api-server/object-api.ts';
import type { ObjectApi } from '../api-server/object-api.ts';
import { conditionOf, controllerReference, isTrue } from '../api-server/object.ts';
import type { Job, JobStatus, Pod } from '../api-server/object.ts';
import { splitKey } from '../api-server/resource.ts';
import { jobs } from '../api-server/resources/jobs.ts';
import { pods } from '../api-server/resources/pods.ts';
import { withLabels } from '../api-server/selectors.ts';
import type { StoredObject } from '../api-server/store.ts';
import type { EventRecorder } from './event-recorder.ts';
import { isTracked, planJob, trackingFinalizer } from './job-plan.ts';
import type { JobPlan } from './job-plan.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkLoop } from './work-queue.ts';

const component = 'job-controller';
const jobNameLabel = 'batch.kubernetes.io/job-name';

/** Makes the pods of Jobs and tells what became of them (batch/v1). */
export class JobController {
  readonly #api: ObjectApi;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;

  constructor(api: ObjectApi, loop: WorkLoop, events: EventRecorder) {
    this.#api = api;
    this.#events = events;
    this.#queue = new WorkQueue(loop, (key) => this.#reconcile(key));
  }

  start(): void {
    this.#api.subscribe(jobs, ({ object }) => this.#queue.add(object.key));
    this.#api.subscribe(pods, ({ object }) => this.#onPod(object));
  }

  stop(): void {
    this.#queue.stop();
  }

  #onPod({ key, labels }: StoredObject): void {
    const jobName = labels[jobNameLabel];
    if (jobName !== undefined) this.#queue.add(`${splitKey(key).namespace}/${jobName}`);
  }

  #reconcile(key: string): void {
    const { namespace, name } = splitKey(key);
    const job = this.#api.find(jobs, namespace, name);
    this.#releaseOrphans(namespace!, name, job);
    if (job === null) return;
    const owned = this.#api.ownedBy(pods, job.metadata.uid);
    const plan = planJob(job, owned, this.#api.clock.now());
    this.#writeStatus(job, plan.status);
    this.#carryOut(job, plan);
    if (plan.lookAgain !== null) this.#queue.addAt(key, plan.lookAgain);
  }

  #carryOut(job: Job, plan: JobPlan): void {
    for (const pod of plan.release) this.#release(pod);
    for (const { metadata } of plan.remove) {
      this.#api.delete(pods, metadata.namespace!, metadata.name);
      this.#events.record(job, component, 'Normal', 'SuccessfulDelete', `Deleted pod: ${metadata.name}`);
    }
    for (let made = 0; made < plan.create; made += 1) this.#createPod(job);
  }

  #writeStatus({ metadata, status: before }: Job, planned: JobStatus): void {
    // As text, in which what is undefined is not there.
    const status = JSON.parse(JSON.stringify(planned)) as JobStatus;
    if (isDeepStrictEqual(status, before)) return;
    const job = this.#api.modify(jobs, metadata.namespace!, metadata.name, 'status', (current) => void (current.status = status));
    this.#tell(job, before, 'FailureTarget', 'Warning');
    this.#tell(job, before, 'Complete', 'Normal');
    this.#tell(job, before, 'Suspended', 'Normal');
  }

  /** Tells of a condition that has just become true. */
  #tell(job: Job, before: JobStatus, type: string, kind: 'Normal' | 'Warning'): void {
    const condition = conditionOf(job, type);
    if (condition?.status !== 'True' || isTrue({ status: before }, type)) return;
    const reason = { Complete: 'Completed', Suspended: 'Suspended' }[type] ?? condition.reason!;
    const message = type === 'Complete' ? 'Job completed' : condition.message!;
    this.#events.record(job, component, kind, reason, message);
  }

  #createPod(job: Job): void {
    const { metadata, spec } = structuredClone(job.spec.template);
    const pod = this.#api.create(pods, job.metadata.namespace!, {
      metadata: {
        generateName: `${job.metadata.name}-`,
        labels: metadata?.labels,
        annotations: metadata?.annotations,
        finalizers: [trackingFinalizer],
        ownerReferences: [controllerReference(job)],
      },
      spec,
    });
    this.#events.record(job, component, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  }

  /** Pods whose Job is gone, or another of the same name, must not wait to be counted. */
  #releaseOrphans(namespace: string, name: string, job: Job | null): void {
    const named = this.#api.collection(pods).select(namespace, withLabels({ [jobNameLabel]: name }));
    const orphans = named.filter(({ ownerUids }) => job === null || !ownerUids.includes(job.metadata.uid));
    for (const pod of orphans.map((stored) => parse<Pod>(stored)).filter(isTracked)) this.#release(pod);
  }

  #release({ metadata }: Pod): void {
    this.#api.modify(pods, metadata.namespace!, metadata.name, 'main', (pod) => {
      pod.metadata.finalizers = pod.metadata.finalizers?.filter((finalizer) => finalizer !== trackingFinalizer);
    });
  }
}
