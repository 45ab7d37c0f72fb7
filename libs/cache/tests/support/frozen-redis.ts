import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** A function that stops the server's process as `kill -STOP` does, and one that lets it go on. */
export async function freezer(redis: Redis): Promise<{ freeze(): void; thaw(): void }> {
  const pid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
  // A server in a container has a number there that is somebody else's here.
  if (!readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('redis-server'))
    throw new Error('the Redis server is no process of this machine');
  return { freeze: () => void process.kill(pid, 'SIGSTOP'), thaw: () => void process.kill(pid, 'SIGCONT') };
}
