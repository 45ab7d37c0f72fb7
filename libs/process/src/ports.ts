import { once } from 'node:events';
import { createServer } from 'node:net';

const loopback = '127.0.0.1';

/** A port of the loopback interface that nobody uses now. */
export async function freePort(): Promise<number> {
  const port = await bind(0);
  if (port === null) throw new Error('the system has no free port');
  return port;
}

/** Whether a server could listen there, on the loopback interface. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await bind(port)) !== null;
}

async function bind(port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen(port, loopback);
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  } catch (error) {
    if (['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  } finally {
    server.close();
  }
}
