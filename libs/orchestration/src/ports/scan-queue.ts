import type { ArtifactType } from '@cloudscan/domain';

/** Asks a dispatcher to make an attempt's Job. */
export interface DispatchMessage {
  readonly scanId: string;
  readonly organizationId: string;
  readonly attempt: number;
  readonly traceparent: string | null;
}

/** Asks for a Job to be stopped and removed. */
export interface StopJobMessage {
  readonly scanId: string;
  readonly attempt: number;
  readonly jobName: string;
}

/** Asks for the artifacts of a scan to be deleted, but for those that it still refers to. */
export interface DeleteArtifactsMessage {
  readonly organizationId: string;
  readonly scanId: string;
  /** Of one type only; null for all. */
  readonly type: ArtifactType | null;
  /** Artifact ids. */
  readonly keep: readonly string[];
}

/** Asks for the attestation of a completed scan. */
export interface AttestMessage {
  readonly organizationId: string;
  readonly scanId: string;
}

export interface QueueMessages {
  readonly dispatch: DispatchMessage;
  readonly 'stop-job': StopJobMessage;
  readonly 'delete-artifacts': DeleteArtifactsMessage;
  readonly attest: AttestMessage;
}
export type QueueName = keyof QueueMessages;

/** What a handler may want to know about the hand-over itself. */
export interface Delivery {
  /** No other try is counted: if the handler throws now what counts as a try, the message rests in the dead letters. */
  readonly isLast: boolean;
}

/**
 * The consuming side of the queues; messages are sent inside the repositories' transactions. At least once: a handler that
 * throws sees its message again, with growing pauses or after the error's `retryAfterMs`, and after the last try the message
 * rests in the dead letters. Throwing `unavailable` or `deadline_exceeded` counts as no try: what the handler depends on is
 * away, and the message comes again until it is back.
 */
export interface ScanQueue {
  /**
   * Begins to hand messages to the handler, `concurrency` at a time.
   * The returned function stops taking new ones and waits for those at work; what does not end in time has its signal aborted
   * and goes to others at once.
   */
  consume<Q extends QueueName>(
    queue: Q,
    options: { readonly concurrency: number },
    handler: (message: QueueMessages[Q], signal: AbortSignal, delivery: Delivery) => Promise<void>,
  ): Promise<() => Promise<void>>;
  /** Messages that wait, per queue. */
  depth(queue: QueueName): Promise<number>;
}
