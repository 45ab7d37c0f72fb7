import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { formatEndpoint } from '@cloudscan/config';
import type { Endpoint, Secret } from '@cloudscan/config';
import { DomainError } from '@cloudscan/domain';
import { Client, Metadata } from '@grpc/grpc-js';
import type { CallOptions as GrpcCallOptions, ClientWritableStream, ServiceError } from '@grpc/grpc-js';
import type {
  MethodDefinition,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
  StreamingMethods,
  UnaryMethods,
  UploadingMethods,
} from './definition.ts';
import { fromServiceError } from './status.ts';
import { channelCredentials } from './tls.ts';
import type { ClientTls } from './tls.ts';

export interface RpcClientOptions {
  /** Sent as `authorization: Bearer …` with every call; nothing is sent when empty. */
  readonly token?: Secret;
  /** True: with what Node.js trusts. */
  readonly tls?: ClientTls | boolean | null;
  /** Bytes of one message, in either direction; 16 MiB by default. */
  readonly maxMessageBytes?: number;
}

export interface CallOptions {
  /** Milliseconds for the whole call, its retries included; 30,000 by default. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** How often an `unavailable` answer is tried again; 0 by default. Only for idempotent calls. */
  readonly retries?: number;
  readonly idempotencyKey?: string;
}

/** Milliseconds of the first pause between tries; each further one is twice as long, up to 5 s, all jittered. */
const firstPauseMs = 100;

/**
 * A typed client of one service. Every failure is a DomainError with the server's code, violations and retry hint;
 * a call that is aborted throws `cancelled`.
 */
export class RpcClient<Definition extends ServiceDefinition> {
  readonly #client: Client;
  readonly #definition: Definition;
  readonly #token: Secret | undefined;

  constructor(definition: Definition, endpoint: Endpoint, options: RpcClientOptions = {}) {
    const maxMessageBytes = options.maxMessageBytes ?? 16 * 1024 * 1024;
    this.#client = new Client(formatEndpoint(endpoint), channelCredentials(options.tls ?? null), {
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc.enable_retries': 0,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2000,
    });
    this.#definition = definition;
    this.#token = options.token;
  }

  async call<Name extends UnaryMethods<Definition> & string>(
    name: Name,
    request: RequestOf<Definition[Name]>,
    options: CallOptions = {},
  ): Promise<ResponseOf<Definition[Name]>> {
    return this.#callAgain<RequestOf<Definition[Name]>, ResponseOf<Definition[Name]>>(this.#definition[name]!, request, options);
  }

  /** As {@link call}, for a request that is encoded already. */
  async callEncoded<Name extends UnaryMethods<Definition> & string>(
    name: Name,
    request: Buffer,
    options: CallOptions = {},
  ): Promise<ResponseOf<Definition[Name]>> {
    const method = { ...this.#definition[name]!, requestSerialize: (bytes: Buffer) => bytes };
    return this.#callAgain<Buffer, ResponseOf<Definition[Name]>>(method, request, options);
  }

  async #callAgain<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const deadline = Date.now() + (options.deadlineMs ?? 30_000);
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#callOnce(method, request, deadline, options);
      } catch (error) {
        const pauseMs = Math.min(firstPauseMs * 2 ** attempt, 5000) * (0.5 + Math.random());
        const canRetry =
          attempt < (options.retries ?? 0) && (error as DomainError).code === 'unavailable' && Date.now() + pauseMs < deadline;
        if (!canRetry) throw error;
        await pause(pauseMs, options.signal);
      }
    }
  }

  /** Messages as they come; breaking out of the loop cancels the call. No deadline unless one is given. */
  async *stream<Name extends StreamingMethods<Definition> & string>(
    name: Name,
    request: RequestOf<Definition[Name]>,
    options: Pick<CallOptions, 'deadlineMs' | 'signal'> = {},
  ): AsyncGenerator<ResponseOf<Definition[Name]>> {
    const method = this.#definition[name] as MethodDefinition<RequestOf<Definition[Name]>, ResponseOf<Definition[Name]>>;
    const callOptions: GrpcCallOptions = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
    const call = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata({}),
      callOptions,
    );
    const onAbort = (): void => call.cancel();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted) call.cancel();
    try {
      for await (const message of call) yield message as ResponseOf<Definition[Name]>;
    } catch (error) {
      throw fromServiceError(error as ServiceError);
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  /**
   * Sends requests as fast as the server takes them and answers its response, also one that it gives before the last of them. What
   * `requests` throws cancels the call. No deadline unless one is given.
   */
  async upload<Name extends UploadingMethods<Definition> & string>(
    name: Name,
    requests: AsyncIterable<RequestOf<Definition[Name]>>,
    options: Pick<CallOptions, 'deadlineMs' | 'signal' | 'idempotencyKey'> = {},
  ): Promise<ResponseOf<Definition[Name]>> {
    const method = this.#definition[name] as MethodDefinition<RequestOf<Definition[Name]>, ResponseOf<Definition[Name]>>;
    const answer = Promise.withResolvers<ResponseOf<Definition[Name]>>();
    const answered = new AbortController();
    const call = this.#client.makeClientStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      this.#metadata(options),
      options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
      (error, response) => {
        if (error === null) answer.resolve(response!);
        else answer.reject(fromServiceError(error));
        answered.abort();
      },
    );
    const onAbort = (): void => call.cancel();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted) call.cancel();
    try {
      const [response] = await Promise.all([answer.promise, sendAll(call, requests, answered.signal)]);
      return response;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  /** Resolves once connected. @throws unavailable */
  async waitForReady(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#client.waitForReady(Date.now() + deadlineMs, (error) => {
        if (error === undefined) resolve();
        else reject(new DomainError('unavailable', 'the server does not answer', { cause: error }));
      });
    });
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #callOnce<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    deadline: number,
    options: CallOptions,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const metadata = this.#metadata(options);
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        { deadline },
        (error, response) => {
          options.signal?.removeEventListener('abort', onAbort);
          if (error === null) resolve(response!);
          else reject(fromServiceError(error));
        },
      );
      const onAbort = (): void => call.cancel();
      options.signal?.addEventListener('abort', onAbort, { once: true });
      if (options.signal?.aborted) call.cancel();
    });
  }

  #metadata({ idempotencyKey }: CallOptions): Metadata {
    const metadata = new Metadata();
    if (this.#token !== undefined && !this.#token.isEmpty) metadata.set('authorization', `Bearer ${this.#token.reveal()}`);
    if (idempotencyKey !== undefined) metadata.set('idempotency-key', idempotencyKey);
    return metadata;
  }
}

/** Sends the requests, until `answered` aborts: then nobody reads them any more. */
async function sendAll<Request>(
  call: ClientWritableStream<Request>,
  requests: AsyncIterable<Request>,
  answered: AbortSignal,
): Promise<void> {
  for await (const request of requests) {
    if (answered.aborted) return;
    if (!call.write(request)) await once(call, 'drain', { signal: answered }).catch(() => undefined);
  }
  call.end();
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    throw new DomainError('cancelled', 'the call was aborted', { cause: error });
  });
}
