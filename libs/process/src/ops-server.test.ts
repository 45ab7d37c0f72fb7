import test from 'ava';
import { OpsServer } from './ops-server.ts';

test('a check that throws at once, or answers only after its time, is down and does the process no harm', async (t) => {
  let late: (() => void) | undefined;
  const server = new OpsServer({
    host: '127.0.0.1',
    port: 0,
    metrics: async () => ({ contentType: 'text/plain', body: '' }),
    checkTimeoutMs: 20,
    checks: [
      {
        name: 'throws',
        required: false,
        check: () => {
          throw new Error('no such host');
        },
      },
      { name: 'hangs', required: false, check: () => new Promise<void>((_, reject) => (late = () => reject(new Error('too late')))) },
    ],
  });
  await server.start();
  const response = await fetch(`http://127.0.0.1:${server.port}/ready`);
  const { status, dependencies } = (await response.json()) as { status: string; dependencies: Record<string, { state: string }> };
  late!();
  await server.stop();
  t.is(status, 'ready');
  t.deepEqual(
    Object.values(dependencies).map(({ state }) => state),
    ['down', 'down'],
  );
});
