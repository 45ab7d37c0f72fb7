import type { FailureEvidence, FailureReason } from '@cloudscan/domain';
import { publishScan } from './outcomes.ts';
import type { SystemPorts } from './system-ports.ts';

export interface AttemptEnd {
  readonly scanId: string;
  readonly attempt: number;
  readonly reason: FailureReason;
  /** One sentence for the user. */
  readonly message: string;
  readonly evidence: FailureEvidence | null;
}

/** Ends an attempt: a new one where the reason allows it and attempts are left, otherwise the scan has failed. False when it had ended. */
export async function endAttempt({ scope, scans, events, clock, policy, actor }: SystemPorts, end: AttemptEnd): Promise<boolean> {
  const result = await scans.endAttempt(scope, { ...end, ...policy, actor, at: clock.now() });
  if (result.kind === 'applied') publishScan(events, result.scan);
  return result.kind === 'applied';
}

/** What a reason means, as one sentence for the user. */
export function describeReason(reason: FailureReason): string {
  switch (reason) {
    case 'tool_error':
      return 'the runner failed and could not say why';
    case 'oom_killed':
      return 'the runner needed more memory than it may use';
    case 'evicted':
      return 'the machine that ran the scan was short of resources';
    case 'preempted':
      return 'the machine that ran the scan was stopped';
    case 'image_pull':
      return "the runner's image could not be pulled";
    case 'unschedulable':
      return 'no machine had room for the runner';
    case 'deadline_exceeded':
      return 'the scan took longer than it may';
    case 'source_missing':
      return 'the source was not there';
    case 'source_invalid':
      return 'the source could not be read';
    case 'quota':
      return 'a quota left no room for the runner';
    case 'runner_lost':
      return 'the runner was lost before it had completed the scan';
    case 'cancelled':
      return 'the runner was stopped';
    case 'internal':
      return 'the runner ended without having completed the scan';
  }
}
