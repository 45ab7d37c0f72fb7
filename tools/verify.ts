import { spawnSync } from 'node:child_process';

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Shown when the step fails. */
  readonly remedy: string;
}

const steps: readonly Step[] = [
  { name: 'proto lint', command: ['buf', 'lint'], remedy: 'mend the proto files' },
  { name: 'proto format', command: ['buf', 'format', '--diff', '--exit-code', 'proto'], remedy: 'run npx buf format -w proto' },
  { name: 'proto compatibility', command: ['node', 'tools/check-breaking.ts'], remedy: 'keep numbers and types; add new fields instead' },
  {
    name: 'generated code',
    command: ['node', '--conditions=@cloudscan/source', 'tools/generate.ts', '--check'],
    remedy: 'run npm run generate and commit',
  },
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'], remedy: 'run npm run format' },
  { name: 'types', command: ['node', 'node_modules/tsc7/bin/tsc', '-p', 'tsconfig.check.json'], remedy: 'mend the types' },
  // By nx, which makes the project graph: without one the rule that holds the layers is skipped.
  { name: 'lint', command: ['nx', 'run', 'cloudscan-orchestrator:lint', '--outputStyle=static'], remedy: 'mend what is named' },
  { name: 'dead code', command: ['knip', '--no-config-hints'], remedy: 'remove what nothing uses' },
  { name: 'build', command: ['nx', 'run-many', '--target=build', '--parallel=2', '--outputStyle=static'], remedy: 'mend the build' },
  { name: 'tests', command: ['node', '--conditions=@cloudscan/source', 'tools/test.ts'], remedy: 'mend the tests' },
];

/** What CI runs, in CI's order; stops at nothing and names every step that failed. `--no-tests` leaves the tests to the caller. */
function verify(args: readonly string[]): number {
  const failed: Step[] = [];
  for (const step of steps) {
    if (step.name === 'tests' && args.includes('--no-tests')) continue;
    const startedAt = performance.now();
    const [command, ...rest] = step.command;
    const { status } = spawnSync(command, rest, { stdio: 'inherit', env: { ...process.env, NX_DAEMON: 'false' } });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stderr.write(`${status === 0 ? '✔' : '✘'} ${step.name} (${seconds} s)${status === 0 ? '' : `: ${step.remedy}`}\n`);
    if (status !== 0) failed.push(step);
  }
  if (failed.length > 0) process.stderr.write(`verify failed: ${failed.map(({ name }) => name).join(', ')}\n`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = verify(process.argv.slice(2));
