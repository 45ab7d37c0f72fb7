import type { Container, Pod } from './kubernetes-types.ts';
import type { PodTermination } from './pod-status.ts';

/** What a kubelet runs containers with. */
export interface ContainerRuntime {
  /**
   * Throws {@link ContainerRefusal} when it cannot be started (yet).
   *
   * @param signal aborts when the pod is to end; what has not started by then need not start, and may throw
   */
  start(pod: Pod, container: Container, signal: AbortSignal): Promise<RunningContainer>;
  /** The pod is gone from the cluster: removes its logs and volumes. */
  forget(pod: Pod): Promise<void>;
}

export interface RunningContainer {
  /** Never rejects. */
  readonly ended: Promise<ContainerEnd>;
  readonly log: ContainerLog;
  /** SIGTERM now and SIGKILL after `graceMs`; called again with less, the shorter grace counts. */
  kill(graceMs: number): void;
}

export interface ContainerLog {
  /** Everything from `offset`, in bytes, to what is its end now. */
  read(offset: number): Promise<Buffer>;
}

export interface ContainerEnd {
  readonly exitCode: number;
  /** `Completed` for exit code 0, otherwise `Error`, where nothing is said. */
  readonly reason?: string;
  readonly message?: string;
  /** Set when it was ended for what its whole pod did; the pod then ends for it. */
  readonly termination?: PodTermination;
}

/** Waiting reasons with which a container may yet start, as the kubelet and containerd spell them; a volume that is not there shows as `ContainerCreating`. */
export type WaitingReason =
  'ContainerCreating' | 'ErrImagePull' | 'InvalidImageName' | 'CreateContainerConfigError' | 'CreateContainerError';

/** A container that could not be started. */
export class ContainerRefusal extends Error {
  /** `StartError` and `ContainerCannotRun` are final: the container has ended with `exitCode`. All others are tried again. */
  readonly reason: WaitingReason | 'StartError' | 'ContainerCannotRun';
  readonly exitCode: number;

  constructor(reason: ContainerRefusal['reason'], message: string, exitCode = 128) {
    super(message);
    this.name = 'ContainerRefusal';
    this.reason = reason;
    this.exitCode = exitCode;
  }

  get isFinal(): boolean {
    return this.reason === 'StartError' || this.reason === 'ContainerCannotRun';
  }
}
