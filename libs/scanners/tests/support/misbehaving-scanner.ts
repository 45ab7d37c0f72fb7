import { runBuiltin, NothingToScan, ToolFailure } from '../../src/builtin/run-builtin.ts';
import type { BuiltinTask } from '../../src/builtin/run-builtin.ts';
import type { BuiltinFinding } from '../../src/builtin/protocol.ts';

export interface Behaviour {
  readonly kind:
    | 'findings'
    | 'skip'
    | 'fail'
    | 'throw'
    | 'hang'
    | 'fill_heap'
    | 'fill_native_memory'
    | 'spin'
    | 'kill_itself'
    | 'write_garbage'
    | 'write_endless_line'
    | 'wrong_field'
    | 'exit_early'
    | 'print';
  readonly count?: number;
  readonly secret?: string;
}

/** A scanner that does on request what a scanner must not do. */
await runBuiltin<Behaviour>({ rulesVersion: ({ kind }) => `rules-of-${kind}`, scan });

async function* scan({ options, progress, workDir }: BuiltinTask<Behaviour>): AsyncGenerator<BuiltinFinding> {
  switch (options.kind) {
    case 'findings':
      for (let index = 0; index < (options.count ?? 0); index += 1) {
        progress(index / (options.count ?? 1));
        yield finding(index);
      }
      return;
    case 'print':
      // eslint-disable-next-line no-console -- what a library might do is what is tried here
      console.log('a library that talks');
      yield { ...finding(0), title: JSON.stringify({ env: process.env, arguments: process.argv.slice(2), cwd: process.cwd(), workDir }) };
      return;
    case 'skip':
      throw new NothingToScan('no lock file found');
    case 'fail':
      yield finding(0);
      throw new ToolFailure('the advisory source is not reachable; set ADVISORY_PATH');
    case 'throw':
      throw new TypeError('x is not a function');
    case 'hang':
      yield { ...finding(0), title: String(process.pid) };
      for (;;) await new Promise((resolve) => setTimeout(resolve, 60_000));
    case 'fill_heap': {
      const hoard: object[] = [];
      for (;;) hoard.push({ index: hoard.length, values: new Array<number>(1000).fill(hoard.length) });
    }
    case 'fill_native_memory': {
      const hoard: Buffer[] = [];
      for (;;) {
        hoard.push(Buffer.alloc(16 * 1024 * 1024, 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    case 'spin':
      yield { ...finding(0), title: String(process.pid) };
      for (;;) Math.random();
    case 'kill_itself':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'write_garbage':
      process.stdout.write('{"type":"finding"\n');
      return;
    case 'write_endless_line':
      for (let index = 0; index < 64; index += 1) process.stdout.write('x'.repeat(65_536));
      return;
    case 'wrong_field':
      yield { ...finding(0), severity: 'grave' as 'high' };
      return;
    case 'exit_early':
      yield finding(0);
      process.exit(0);
  }
}

function finding(index: number): BuiltinFinding {
  return { ruleId: 'r', severity: 'low', title: `t${index}`, description: 'd', filePath: 'a.js', startLine: 3, fingerprint: `${index}` };
}
