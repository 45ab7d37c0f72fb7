import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { once } from 'node:events';
import type { Service } from './service.ts';

/** One dependency of a process, as `/ready` names it. */
export interface ReadinessCheck {
  readonly name: string;
  /** Whether the process is useless without it; one that is not is reported and leaves the answer at 200. */
  readonly required: boolean;
  /** Throws when the dependency does not answer. */
  readonly check: (signal: AbortSignal) => Promise<void>;
}

export interface OpsServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly checks: readonly ReadinessCheck[];
  /** The Prometheus exposition and its content type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** Milliseconds that one check may take; 2,000 by default. */
  readonly checkTimeoutMs?: number;
}

/** `/health` (the process lives), `/ready` (each dependency with its state and latency; 503 when a required one is down) and `/metrics`. */
export class OpsServer implements Service {
  readonly #options: OpsServerOptions;
  readonly #server: Server;
  #draining = false;

  constructor(options: OpsServerOptions) {
    this.#options = options;
    this.#server = createServer();
  }

  async start(): Promise<void> {
    this.#server.on('request', await this.#createHandler());
    this.#server.listen(this.#options.port, this.#options.host);
    await once(this.#server, 'listening');
  }

  /** The port in use, once started. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** From now on `/ready` answers 503, so that load balancers look elsewhere. */
  drain(): void {
    this.#draining = true;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Loads koa only where it serves: command line and supervisors of runs start without it, in less time and memory. */
  async #createHandler(): Promise<RequestListener> {
    const [{ default: Koa }, { default: Router }] = await Promise.all([import('koa'), import('@koa/router')]);
    const router = new Router();
    router.get('/health', (context) => {
      context.body = { status: 'ok' };
    });
    router.get('/ready', async (context) => {
      const report = await this.#readiness();
      context.status = report.status === 'ready' ? 200 : 503;
      context.body = report;
    });
    router.get('/metrics', async (context) => {
      const { contentType, body } = await this.#options.metrics();
      context.type = contentType;
      context.body = body;
    });
    const app = new Koa();
    app.silent = true;
    app.use(router.routes()).use(router.allowedMethods());
    const handle = app.callback();
    return (request, response) => void handle(request, response);
  }

  async #readiness(): Promise<{ status: 'ready' | 'not_ready' | 'draining'; dependencies: Record<string, object> }> {
    const results = await Promise.all(this.#options.checks.map((check) => runCheck(check, this.#options.checkTimeoutMs ?? 2000)));
    const down = results.some(({ required, state }) => required && state === 'down');
    return {
      status: this.#draining ? 'draining' : down ? 'not_ready' : 'ready',
      dependencies: Object.fromEntries(results.map(({ name, ...rest }) => [name, rest])),
    };
  }
}

async function runCheck(check: ReadinessCheck, timeoutMs: number) {
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(timeoutMs);
  const timedOut = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${timeoutMs} ms`)), { once: true });
  });
  // A check that throws at once must not leave the other promise without a reader.
  const answered = Promise.resolve().then(() => check.check(signal));
  const outcome = await Promise.race([answered, timedOut]).then(
    () => 'up' as const,
    () => 'down' as const,
  );
  const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10;
  return { name: check.name, required: check.required, state: outcome, latency_ms: latencyMs };
}
