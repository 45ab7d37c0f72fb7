import type { FailureEvidence, FailureReason } from '@cloudscan/domain';
import type { JobBlockage } from '../ports/job-dispatcher.ts';
import type { AttemptEnd } from '../ports/scan-repository.ts';
import { publishScan } from './outcomes.ts';
import type { SystemPorts } from './system-ports.ts';

/** Ends an attempt: a new one where the reason allows it and attempts are left, otherwise the scan has failed. False when it had ended. */
export async function endAttempt({ scope, scans, events, clock, policy, actor }: SystemPorts, end: AttemptEnd): Promise<boolean> {
  const result = await scans.endAttempt(scope, { ...end, ...policy, actor, at: clock.now() });
  if (result.kind === 'applied') publishScan(events, result.scan);
  return result.kind === 'applied';
}

/** Ends many attempts in one transaction; answers how many had not ended yet. At most one end per scan. */
export async function endAttempts(ports: SystemPorts, ends: readonly AttemptEnd[]): Promise<number> {
  const { scope, system, events, clock, policy, actor } = ports;
  const results = await system.endAttempts(scope, { ends, ...policy, actor, at: clock.now() });
  const applied = results.filter((result) => result.kind === 'applied');
  for (const { scan } of applied) publishScan(events, scan);
  return applied.length;
}

/** What happened and what helps, as one sentence for the user, with the platform's own words where there are any. */
export function describeEnd(reason: FailureReason, evidence: FailureEvidence | null): string {
  const platform = [evidence?.condition, evidence?.message].filter((part) => part !== undefined && part !== '').join(': ');
  return platform === '' ? describeReason(reason) : `${describeReason(reason)} (${platform})`;
}

/** As {@link describeEnd}, of a runner that never began. */
export function describeBlockage({ reason, condition, message }: JobBlockage): string {
  if (reason !== 'internal') return describeEnd(reason, { condition, message });
  return `the runner could not be started (${condition}: ${message})`;
}

function describeReason(reason: FailureReason): string {
  switch (reason) {
    case 'tool_error':
      return 'the runner failed and could not say why; the end of its log may';
    case 'oom_killed':
      return 'the runner needed more memory than it may use; RUNNER_LIMITS_MEMORY allows it more';
    case 'evicted':
      return 'the machine that ran the scan was short of resources; start it again when there is room';
    case 'preempted':
      return 'the machine that ran the scan was stopped; start it again';
    case 'image_pull':
      return "the runner's image could not be pulled; see that RUNNER_IMAGE exists and that the cluster may pull it";
    case 'unschedulable':
      return 'no machine had room for the runner; the cluster needs more, or the runner smaller RUNNER_REQUESTS_*';
    case 'deadline_exceeded':
      return 'the scan took longer than it may; JOB_DEADLINE_SECONDS allows it more';
    case 'source_missing':
      return 'the source was not there; upload it again';
    case 'source_invalid':
      return 'the source could not be read; see that it is a .tar.gz, .zip or a Git repository';
    case 'quota':
      return 'a quota left no room for the runner; raise it, or start the scan again when others have ended';
    case 'runner_lost':
      return 'the runner was lost before it had completed the scan; start it again';
    case 'cancelled':
      return 'the runner was stopped';
    case 'internal':
      return 'the runner ended without having completed the scan; the end of its log may say why';
  }
}
