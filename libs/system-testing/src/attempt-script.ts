import { isRetryable } from '@cloudscan/domain';
import type { FailureReason, ScanStatus } from '@cloudscan/domain';
import type { RunScript } from './runner-double.ts';

/** What happens to the pod of an attempt: its runner runs, or the platform does something to it. */
export type AttemptScript =
  | RunScript
  /** The runner says nothing and never ends. */
  | { readonly kind: 'idle' }
  /** The runner says nothing and ends at once. */
  | { readonly kind: 'end'; readonly exitCode: number }
  /** The container goes over its memory limit. */
  | { readonly kind: 'oom' }
  /** The node is short of resources. */
  | { readonly kind: 'evict' }
  /** A pod of higher priority takes the node. */
  | { readonly kind: 'preempt' }
  /** The pod vanishes together with what it knows, as with its node. */
  | { readonly kind: 'vanish' }
  /** The image does not exist. */
  | { readonly kind: 'no-image' }
  /** The pod names what is not there. */
  | { readonly kind: 'bad-config' };

/** What the attempt fails with; null when it completes its scan, or never ends. */
export function reasonOfScript(script: AttemptScript): FailureReason | null {
  switch (script.kind) {
    case 'complete':
    case 'hang':
    case 'idle':
      return null;
    case 'report':
      return script.reason;
    case 'end':
    case 'exit':
      return reasonOfExit(script.exitCode);
    case 'oom':
      return 'oom_killed';
    case 'evict':
      return 'evicted';
    case 'preempt':
      return 'preempted';
    case 'vanish':
      return 'runner_lost';
    case 'no-image':
      return 'image_pull';
    case 'bad-config':
      return 'internal';
  }
}

/** A runner that ends without a word: only 3 says that the tools failed, see the runner's exit codes. */
function reasonOfExit(exitCode: number): FailureReason {
  if (exitCode === 3) return 'tool_error';
  return exitCode === 5 ? 'runner_lost' : 'internal';
}

const endlessStatus: Partial<Record<AttemptScript['kind'], ScanStatus>> = { hang: 'running', idle: 'queued' };

export interface ExpectedEnd {
  readonly status: ScanStatus;
  readonly reason: FailureReason | null;
  readonly attempt: number;
}

/** What the attempts of a scan go through, one after the other; the last one holds for all further attempts. */
export type ScanScript = readonly [AttemptScript, ...AttemptScript[]];

/** How a scan ends that goes through it. */
export function expectedEnd(scripts: ScanScript, maxAttempts: number): ExpectedEnd {
  for (let attempt = 1; ; attempt += 1) {
    const script = scriptOf(scripts, attempt);
    const reason = reasonOfScript(script);
    if (reason === null) return { status: endlessStatus[script.kind] ?? 'completed', reason, attempt };
    if (!isRetryable(reason) || attempt >= maxAttempts) return { status: 'failed', reason, attempt };
  }
}

export function scriptOf(scripts: ScanScript, attempt: number): AttemptScript {
  return scripts[Math.min(attempt, scripts.length) - 1]!;
}
