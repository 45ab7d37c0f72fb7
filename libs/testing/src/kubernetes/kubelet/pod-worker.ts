import type { TimerClock } from '../../clock.ts';
import { ContainerRefusal } from './container-runtime.ts';
import type { ContainerEnd, ContainerLog, ContainerRuntime, RunningContainer } from './container-runtime.ts';
import { isSidecar } from './kubernetes-types.ts';
import type { Container, ContainerState, Pod, PodStatus } from './kubernetes-types.ts';
import { neverStarted, podStatus, timestamp } from './pod-status.ts';
import type { PodTermination } from './pod-status.ts';
import { pause } from './pause.ts';

export interface PodWorkerContext {
  readonly runtime: ContainerRuntime;
  readonly clock: TimerClock;
  readonly report: (pod: Pod, status: PodStatus) => void;
  /** Takes the pod out of the cluster, after what was reported of it. */
  readonly remove: (pod: Pod) => void;
}

/** Milliseconds after which a container that cannot start is tried again; images double it up to the longest. */
const retryMs = 10_000;
const longestRetryMs = 300_000;
/** Milliseconds after which volumes are tried again. */
const volumeRetryMs = 1000;
/** Milliseconds for which a failed pull shows as such before it shows as backing off. */
const pullErrorMs = 1000;

/** Brings one pod from its first container to its end, whoever ends it, and reports each step. */
export class PodWorker {
  readonly #context: PodWorkerContext;
  readonly #startTime: Date;
  readonly #states = new Map<string, ContainerState>();
  readonly #containers = new Map<string, RunningContainer>();
  readonly #ending = new AbortController();
  /** All but sidecars have ended. */
  readonly #isOver = new AbortController();
  #pod: Pod;
  #graceMs: number;
  #termination: PodTermination | null = null;
  #stopDeadline: () => void = () => undefined;
  #isAbandoned = false;
  #isRemoved = false;
  #work: Promise<unknown> = Promise.resolve();

  constructor(pod: Pod, context: PodWorkerContext) {
    this.#pod = pod;
    this.#context = context;
    this.#startTime = context.clock.now();
    this.#graceMs = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
  }

  get pod(): Pod {
    return this.#pod;
  }

  begin(): void {
    const { phase, containerStatuses = [] } = this.#pod.status ?? { phase: 'Pending' };
    const isOver = phase === 'Succeeded' || phase === 'Failed';
    // What a kubelet started that is no more: nobody can say how that ended.
    const wasStarted = containerStatuses.some(({ state }) => state.waiting === undefined);
    this.#termination = isOver ? null : refusalOf(this.#pod);
    if (isOver || wasStarted || this.#termination !== null) {
      for (const { name } of this.#all) this.#states.set(name, neverStarted);
      if (!isOver) this.#report();
    } else {
      this.#report();
      this.#armDeadline();
      this.#work = this.#runAll();
    }
    this.update(this.#pod);
  }

  /** What the cluster wants of it now. */
  update(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp === undefined) return;
    this.#end((pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000);
    this.#removeWhenEnded();
  }

  /** Ends it for a reason of the node's own; nothing happens to a pod that has ended. */
  terminate(termination: PodTermination, graceMs = this.#graceMs): void {
    if (this.#hasEnded) return;
    this.#termination ??= termination;
    this.#end(graceMs);
  }

  /** The node is lost: nobody hears of it any more. */
  abandon(): void {
    this.#isAbandoned = true;
  }

  /** Kills what runs of it and waits until it has ended. */
  async stop(): Promise<void> {
    this.#end(0);
    await this.#work;
  }

  logOf(container: string): ContainerLog | null {
    return this.#containers.get(container)?.log ?? null;
  }

  stateOf(container: string): ContainerState | null {
    return this.#states.get(container) ?? null;
  }

  get #all(): readonly Container[] {
    return [...(this.#pod.spec.initContainers ?? []), ...this.#pod.spec.containers];
  }

  get #hasEnded(): boolean {
    return this.#all.every(({ name }) => this.#states.get(name)?.terminated !== undefined);
  }

  /** Sidecars start one after the other and before the containers, and end after these. */
  async #runAll(): Promise<void> {
    const sidecars: Promise<void>[] = [];
    for (const sidecar of this.#pod.spec.initContainers ?? []) {
      const started = Promise.withResolvers<void>();
      sidecars.push(this.#runSidecar(sidecar, started.resolve).finally(started.resolve));
      await started.promise;
    }
    await Promise.all(this.#pod.spec.containers.map((container) => this.#run(container)));
    this.#isOver.abort();
    for (const { name } of this.#pod.spec.initContainers ?? []) this.#containers.get(name)?.kill(this.#graceMs);
    await Promise.all(sidecars);
  }

  /** One that ends before its pod does is started again: at once, and then after ever longer waits. */
  async #runSidecar(container: Container, onStart: () => void): Promise<void> {
    const over = AbortSignal.any([this.#isOver.signal, this.#ending.signal]);
    for (let starts = 0; !over.aborted; starts += 1) {
      if (starts > 1) {
        this.#become(container, { waiting: { reason: 'CrashLoopBackOff' } });
        await pause(this.#context.clock, Math.min(retryMs * 2 ** (starts - 2), longestRetryMs), over);
        if (over.aborted) break;
      }
      await this.#run(container, onStart);
    }
    if (this.#states.get(container.name)?.terminated === undefined) this.#become(container, neverStarted);
  }

  async #run(container: Container, onStart: () => void = () => undefined): Promise<void> {
    const running = await this.#start(container);
    if (running === null) return;
    onStart();
    const startedAt = timestamp(this.#context.clock.now());
    this.#containers.set(container.name, running);
    if (this.#ending.signal.aborted || this.#isOver.signal.aborted) running.kill(this.#graceMs);
    this.#become(container, { running: { startedAt } });
    const end = await running.ended;
    if (end.termination !== undefined) this.terminate(end.termination, 0);
    this.#become(container, { terminated: this.#ended(end, startedAt) });
  }

  /** Null when it will never run. */
  async #start(container: Container): Promise<RunningContainer | null> {
    for (let pullMs = retryMs; !this.#ending.signal.aborted; pullMs = Math.min(pullMs * 2, longestRetryMs)) {
      try {
        return await this.#context.runtime.start(this.#pod, container, this.#ending.signal);
      } catch (error) {
        if (this.#ending.signal.aborted) break;
        const refusal = error instanceof ContainerRefusal ? error : new ContainerRefusal('CreateContainerError', String(error));
        if (refusal.isFinal) {
          this.#become(container, { terminated: this.#ended(refusal, '1970-01-01T00:00:00Z') });
          return null;
        }
        await this.#wait(container, refusal, pullMs);
      }
    }
    this.#become(container, neverStarted);
    return null;
  }

  /** Shows why the container waits, until it is to be tried again. */
  async #wait(container: Container, { reason, message }: ContainerRefusal, pullMs: number): Promise<void> {
    if (reason === 'ContainerCreating') {
      this.#become(container, { waiting: { reason } });
      return this.#pause(volumeRetryMs);
    }
    this.#become(container, { waiting: { reason, message } });
    if (reason !== 'ErrImagePull') return this.#pause(retryMs);
    await this.#pause(pullErrorMs);
    if (this.#ending.signal.aborted) return;
    const backOff = `Back-off pulling image ${JSON.stringify(container.image)}: ErrImagePull: ${message}`;
    this.#become(container, { waiting: { reason: 'ImagePullBackOff', message: backOff } });
    await this.#pause(pullMs);
  }

  #ended({ exitCode, reason, message }: ContainerEnd, startedAt: string): NonNullable<ContainerState['terminated']> {
    return {
      exitCode,
      reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
      ...(message !== undefined && { message }),
      startedAt,
      finishedAt: timestamp(this.#context.clock.now()),
    };
  }

  #become(container: Container, state: ContainerState): void {
    this.#states.set(container.name, state);
    this.#progress();
  }

  #progress(): void {
    this.#report();
    if (this.#hasEnded) this.#stopDeadline();
    this.#removeWhenEnded();
  }

  #removeWhenEnded(): void {
    const isDue = this.#hasEnded && this.#pod.metadata.deletionTimestamp !== undefined;
    if (!isDue || this.#isRemoved || this.#isAbandoned) return;
    this.#isRemoved = true;
    this.#context.remove(this.#pod);
  }

  #report(): void {
    if (this.#isAbandoned) return;
    const observed = { startTime: this.#startTime, states: this.#states, termination: this.#termination };
    this.#context.report(this.#pod, podStatus(this.#pod, observed, this.#context.clock.now()));
  }

  #end(graceMs: number): void {
    this.#graceMs = Math.min(graceMs, this.#graceMs);
    this.#stopDeadline();
    this.#ending.abort();
    for (const container of this.#containers.values()) container.kill(this.#graceMs);
  }

  #armDeadline(): void {
    const { activeDeadlineSeconds } = this.#pod.spec;
    if (activeDeadlineSeconds === undefined) return;
    const deadline = new Date(this.#startTime.getTime() + activeDeadlineSeconds * 1000);
    const message = 'Pod was active on the node longer than the specified deadline';
    this.#stopDeadline = this.#context.clock.at(deadline, () =>
      this.terminate({ reason: 'DeadlineExceeded', message, isDisruption: false }),
    );
  }

  /** Ends early when the pod is to end. */
  #pause(ms: number): Promise<void> {
    return pause(this.#context.clock, ms, this.#ending.signal);
  }
}

/** Runners need neither, and a pod that is run without what it asks for would mislead. */
function refusalOf({ spec }: Pod): PodTermination | null {
  const isRunnable = (spec.initContainers ?? []).every(isSidecar) && spec.restartPolicy === 'Never';
  const message = 'this double of a kubelet runs no init containers but sidecars, and only pods whose restartPolicy is Never';
  return isRunnable ? null : { reason: 'UnexpectedAdmissionError', message, isDisruption: false };
}
