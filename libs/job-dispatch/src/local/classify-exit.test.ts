import test from 'ava';
import { failureReasons } from '@cloudscan/domain';
import type { FailureReason } from '@cloudscan/domain';
import { classifyExit } from './classify-exit.ts';
import type { RunEnd } from './classify-exit.ts';

const ended: RunEnd = { exitCode: null, signal: null, condition: null, cancelRequested: false };

const cases: readonly (readonly [name: string, end: Partial<RunEnd>, reason: FailureReason | null])[] = [
  ['exit code 0', { exitCode: 0 }, null],
  ['a failure that the runner reported', { exitCode: 3 }, 'tool_error'],
  ['a wrong configuration of the runner', { exitCode: 2 }, 'internal'],
  ['a refusal of a scan that waits all the same', { exitCode: 4 }, 'internal'],
  ['an orchestrator that the runner could not reach', { exitCode: 5 }, 'runner_lost'],
  ['an uncaught error of Node', { exitCode: 1 }, 'internal'],
  ["an error in Node's own handler", { exitCode: 7 }, 'internal'],
  ['an unsettled top-level await', { exitCode: 13 }, 'internal'],
  ['a program that may not be run', { exitCode: 126 }, 'internal'],
  ['a program that is not there', { exitCode: 127 }, 'internal'],
  ['SIGKILL that nobody here sent', { signal: 'SIGKILL' }, 'runner_lost'],
  ['SIGKILL as a shell tells it', { exitCode: 137 }, 'runner_lost'],
  ['SIGTERM that nobody here sent', { signal: 'SIGTERM' }, 'preempted'],
  ['SIGTERM as a shell tells it', { exitCode: 143 }, 'preempted'],
  ['SIGINT', { signal: 'SIGINT' }, 'preempted'],
  ['SIGHUP', { signal: 'SIGHUP' }, 'preempted'],
  ['SIGABRT, a full heap', { signal: 'SIGABRT' }, 'oom_killed'],
  ['SIGABRT as a shell tells it', { exitCode: 134 }, 'oom_killed'],
  ['a crash', { signal: 'SIGSEGV' }, 'internal'],
  ['a signal that nobody foresaw', { signal: 'SIGUSR2' }, 'runner_lost'],
  ['the memory limit', { signal: 'SIGKILL', condition: 'OOMKilled' }, 'oom_killed'],
  ['the deadline, though it ended by itself', { exitCode: 0, condition: 'DeadlineExceeded' }, 'deadline_exceeded'],
  ['the deadline', { signal: 'SIGTERM', condition: 'DeadlineExceeded' }, 'deadline_exceeded'],
  ['a stop that was asked for', { signal: 'SIGTERM', condition: 'Terminated', cancelRequested: true }, 'cancelled'],
  ['a stop of the machine', { signal: 'SIGTERM', condition: 'Terminated' }, 'preempted'],
  ['a lost supervisor', { condition: 'SupervisorLost' }, 'runner_lost'],
  ['a run that nobody took', { condition: 'NeverStarted' }, 'runner_lost'],
  ['a program that could not be started', { condition: 'StartFailed' }, 'internal'],
  ['a condition of a later version', { exitCode: 1, condition: 'Unheard' }, 'internal'],
  ['nothing known at all', {}, 'runner_lost'],
];

for (const [name, end, reason] of cases) {
  test(`${name} is ${reason ?? 'success'}`, (t) => {
    t.is(classifyExit({ ...ended, ...end }), reason);
  });
}

test('every end has a reason of the closed list', (t) => {
  for (let exitCode = 1; exitCode < 256; exitCode += 1) {
    t.true(failureReasons.includes(classifyExit({ ...ended, exitCode })!), String(exitCode));
  }
});
