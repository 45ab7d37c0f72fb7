import { once } from 'node:events';
import type { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { fileDescriptorSet } from '@cloudscan/contracts';
import { DomainError, invalidArgument } from '@cloudscan/domain';
import type { Service } from '@cloudscan/process';
import { Counter, Histogram } from '@cloudscan/telemetry';
import type { Logger, Registry } from '@cloudscan/telemetry';
import { logVerbosity, Server, setLogVerbosity, status } from '@grpc/grpc-js';
import type {
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  sendUnaryData,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from './definition.ts';
import { toStatus } from './status.ts';
import { serverCredentials } from './tls.ts';
import type { ServerTls } from './tls.ts';

/** What a handler knows of its call. */
export interface CallContext {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly metadata: Metadata;
  /** Aborts when the caller has gone, its deadline has passed, or the server stops. */
  readonly signal: AbortSignal;
  readonly peer: string;
}

/** One handler per RPC: an RPC without one does not compile. Of a stream of requests it takes the next when it is ready for it. */
export type Handlers<Definition> = {
  readonly [Name in keyof Definition]: Definition[Name] extends { readonly responseStream: true }
    ? (request: RequestOf<Definition[Name]>, context: CallContext) => AsyncIterable<ResponseOf<Definition[Name]>>
    : Definition[Name] extends { readonly requestStream: true }
      ? (requests: AsyncIterable<RequestOf<Definition[Name]>>, context: CallContext) => Promise<ResponseOf<Definition[Name]>>
      : (request: RequestOf<Definition[Name]>, context: CallContext) => Promise<ResponseOf<Definition[Name]>>;
};

export interface ServedService {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
}

type AnyHandler = (request: unknown, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;
type AnyImplementation =
  handleUnaryCall<unknown, unknown> | handleClientStreamingCall<unknown, unknown> | handleServerStreamingCall<unknown, unknown>;

export function serve<Definition extends ServiceDefinition>(definition: Definition, handlers: Handlers<Definition>): ServedService {
  return { definition, handlers: handlers as unknown as ServedService['handlers'] };
}

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Plain text where it is left out. */
  readonly tls?: ServerTls | null;
  readonly services: readonly ServedService[];
  readonly log: Logger;
  readonly registry: Registry;
  /** Bytes of one message, in either direction. */
  readonly maxMessageBytes: number;
  /** Milliseconds after which a unary call whose caller set no deadline is abandoned, and a stream of requests that has stopped. */
  readonly defaultDeadlineMs: number;
}

/** A gRPC server with health (grpc.health.v1), reflection, metrics, deadlines and a drain. */
export class GrpcServer implements Service {
  readonly #options: GrpcServerOptions;
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #stopping = new AbortController();
  readonly #metrics: RpcMetrics;
  #port = 0;
  #calls = 0;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#metrics = new RpcMetrics(options.registry);
    // Its own lines are not JSON and repeat what is logged here.
    setLogVerbosity(logVerbosity.NONE);
    this.#server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': options.maxMessageBytes,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
    });
    const names = options.services.map(({ definition }) => serviceNameOf(definition));
    this.#health = new HealthImplementation(Object.fromEntries(['', ...names].map((name) => [name, 'NOT_SERVING' as const])));
    this.#health.addToServer(this.#server);
    for (const service of options.services) this.#add(service);
  }

  /** @throws with code EADDRINUSE when the port is taken; StartUpError when a file of TLS cannot be used */
  async start(): Promise<void> {
    const credentials = serverCredentials(this.#options.tls ?? null);
    await addReflection(this.#server);
    this.#port = await new Promise((resolve, reject) => {
      const { host, port } = this.#options;
      const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      this.#server.bindAsync(address, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(Object.assign(error, error.message.includes('EADDRINUSE') ? { code: 'EADDRINUSE', port } : {}));
      });
    });
    this.#setServing('SERVING');
  }

  /** The port in use, once started. */
  get port(): number {
    return this.#port;
  }

  /** Tells health checkers to look elsewhere; calls are still served. */
  drain(): void {
    this.#setServing('NOT_SERVING');
  }

  /** Takes no new calls, aborts streams, and waits for unary calls; after `graceMs` what is left is cut. Idempotent. */
  async stop(graceMs = 10_000): Promise<void> {
    this.drain();
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort(new DomainError('unavailable', 'the server is stopping; call again'));
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        this.#options.log.warn({ calls: this.#calls }, 'calls outlived the grace period and are cut');
        this.#server.forceShutdown();
        resolve();
      }, graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #setServing(serving: 'SERVING' | 'NOT_SERVING'): void {
    this.#health.setStatus('', serving);
    for (const { definition } of this.#options.services) this.#health.setStatus(serviceNameOf(definition), serving);
  }

  #add({ definition, handlers }: ServedService): void {
    const implementation: Record<string, AnyImplementation> = {};
    const tolerant: Record<string, MethodDefinition<unknown, unknown>> = {};
    for (const [name, method] of Object.entries(definition)) {
      const handler = handlers[name]!;
      tolerant[name] = { ...method, requestDeserialize: (bytes) => decode(method, bytes) };
      implementation[name] = this.#implement(method, handler);
    }
    this.#server.addService(tolerant, implementation);
  }

  #implement({ path, requestStream, responseStream }: MethodDefinition<unknown, unknown>, handler: AnyHandler): AnyImplementation {
    if (responseStream) return this.#streaming(path, handler);
    return requestStream ? this.#uploading(path, handler) : this.#unary(path, handler);
  }

  #unary(path: string, handler: AnyHandler): handleUnaryCall<unknown, unknown> {
    return (call, callback) => {
      const context = this.#open(call, path, this.#options.defaultDeadlineMs);
      const work = async (): Promise<unknown> => handler(accept(call.request), context);
      this.#answer(work(), context, callback);
    };
  }

  /** It may take as long as its caller likes, as long as requests come; a server that stops ends it. */
  #uploading(path: string, handler: AnyHandler): handleClientStreamingCall<unknown, unknown> {
    return (call, callback) => {
      const context = this.#open(call, path, null);
      const requests = requestsOf(call, context.signal, this.#options.defaultDeadlineMs);
      const work = async (): Promise<unknown> => handler(requests, context);
      this.#answer(work(), context, callback);
    };
  }

  #answer(work: Promise<unknown>, context: OpenCall, callback: sendUnaryData<unknown>): void {
    abandonable(work, context.signal).then(
      (response) => {
        this.#close(context, status.OK);
        callback(null, response);
      },
      (error: unknown) => {
        const outcome = toStatus(error);
        this.#close(context, outcome.code, error);
        callback(outcome);
      },
    );
  }

  #streaming(path: string, handler: AnyHandler): handleServerStreamingCall<unknown, unknown> {
    return (call) => {
      const context = this.#open(call, path, null);
      const work = async (): Promise<void> => {
        for await (const message of handler(accept(call.request), context) as AsyncIterable<unknown>) {
          if (context.signal.aborted) break;
          if (!call.write(message)) await once(call, 'drain', { signal: context.signal });
        }
        context.signal.throwIfAborted();
      };
      work().then(
        () => {
          this.#close(context, status.OK);
          call.end();
        },
        (error: unknown) => {
          const outcome = toStatus(context.signal.aborted ? context.signal.reason : error);
          this.#close(context, outcome.code, error);
          call.emit('error', outcome);
        },
      );
    };
  }

  #open(
    call: ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown> | ServerWritableStream<unknown, unknown>,
    path: string,
    defaultDeadlineMs: number | null,
  ): OpenCall {
    this.#calls += 1;
    const controller = new AbortController();
    (call as EventEmitter).on('cancelled', () => controller.abort(new DomainError('cancelled', 'the caller has gone')));
    const deadline = call.getDeadline();
    const remainingMs = deadline === Infinity ? defaultDeadlineMs : Number(deadline) - Date.now();
    const timer =
      remainingMs === null
        ? undefined
        : setTimeout(
            () => controller.abort(new DomainError('deadline_exceeded', 'the deadline of the call has passed')),
            Math.min(Math.max(remainingMs, 0), 2 ** 31 - 1),
          );
    const signals = defaultDeadlineMs === null ? [controller.signal, this.#stopping.signal] : [controller.signal];
    return { path, metadata: call.metadata, signal: AbortSignal.any(signals), peer: call.getPeer(), startedAt: performance.now(), timer };
  }

  #close(context: OpenCall, code: status, error?: unknown): void {
    this.#calls -= 1;
    clearTimeout(context.timer);
    const seconds = (performance.now() - context.startedAt) / 1000;
    this.#metrics.record(context.path, code, seconds);
    if (code === status.INTERNAL || code === status.UNKNOWN) this.#options.log.error({ rpc: context.path, error }, 'call failed by a bug');
    else this.#options.log.debug({ rpc: context.path, code: status[code], seconds }, 'call');
  }
}

interface OpenCall extends CallContext {
  readonly startedAt: number;
  readonly timer: NodeJS.Timeout | undefined;
}

/** Rate, errors and duration by method and code. */
class RpcMetrics {
  readonly #handled: Counter;
  readonly #seconds: Histogram;

  constructor(registry: Registry) {
    this.#handled = new Counter({
      name: 'cloudscan_rpc_handled_total',
      help: 'RPCs answered, by method and gRPC code',
      labelNames: ['method', 'code'],
      registers: [registry],
    });
    this.#seconds = new Histogram({
      name: 'cloudscan_rpc_duration_seconds',
      help: 'Time from the first byte of a call to its status',
      labelNames: ['method'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
  }

  record(method: string, code: status, seconds: number): void {
    this.#handled.inc({ method, code: status[code] });
    this.#seconds.observe({ method }, seconds);
  }
}

/** Stands for a request whose bytes are not the message; grpc-js would answer INTERNAL if decoding threw. */
class Malformed {}

function decode(method: MethodDefinition<unknown, unknown>, bytes: Buffer): unknown {
  try {
    return method.requestDeserialize(bytes);
  } catch {
    return new Malformed();
  }
}

function accept(request: unknown): unknown {
  if (request instanceof Malformed)
    throw invalidArgument('request', 'is not the protobuf message of this method; generate the client from proto/');
  return request;
}

/**
 * The requests as they come. Ends with the signal's reason when that aborts, and with `deadline_exceeded` when the next one does not
 * come within `idleMs`.
 */
async function* requestsOf(call: ServerReadableStream<unknown, unknown>, signal: AbortSignal, idleMs: number): AsyncGenerator<unknown> {
  const end = (reason: unknown): void => void call.destroy(reason as Error);
  const onAbort = (): void => end(signal.reason);
  const expectNext = (): NodeJS.Timeout =>
    setTimeout(end, idleMs, new DomainError('deadline_exceeded', `no further request came for ${idleMs / 1000} s`));
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  let timer = expectNext();
  try {
    for await (const request of call) {
      clearTimeout(timer);
      yield accept(request);
      timer = expectNext();
    }
    // The requests of a caller that has gone end like those of one that is done; grpc-js tells of its going a moment later.
    await setImmediate();
    signal.throwIfAborted();
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** The caller never waits past its deadline, even where the work behind cannot be stopped. */
function abandonable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    work
      .then(resolve, (error: unknown) => reject(signal.aborted ? (signal.reason as Error) : (error as Error)))
      .finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}

function serviceNameOf(definition: ServiceDefinition): string {
  return Object.values(definition)[0]!.path.split('/')[1]!;
}

/** Loaded when needed: it is the slowest import of a server and not part of its readiness. */
async function addReflection(server: Server): Promise<void> {
  const [{ ReflectionService }, { loadFileDescriptorSetFromBuffer }] = await Promise.all([
    import('@grpc/reflection'),
    import('@grpc/proto-loader'),
  ]);
  new ReflectionService(loadFileDescriptorSetFromBuffer(Buffer.from(fileDescriptorSet, 'base64'))).addToServer(server);
}
