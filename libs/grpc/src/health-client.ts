import type { Endpoint } from '@cloudscan/config';
import { DomainError } from '@cloudscan/domain';
import { service } from 'grpc-health-check';
import { RpcClient } from './client.ts';
import type { RpcClientOptions } from './client.ts';
import type { MethodDefinition } from './definition.ts';

type HealthService = {
  readonly check: MethodDefinition<{ readonly service: string }, { readonly status: string }> & { readonly responseStream: false };
};

const deadlineMs = 2000;

/** Asks a server by grpc.health.v1 whether it serves. */
export class HealthClient implements Disposable {
  readonly #client: RpcClient<HealthService>;

  constructor(endpoint: Endpoint, options: RpcClientOptions = {}) {
    this.#client = new RpcClient({ check: service['Check'] } as unknown as HealthService, endpoint, options);
  }

  /** @throws unavailable when the server does not answer that it serves */
  async check(signal: AbortSignal): Promise<void> {
    const { status } = await this.#client.call('check', { service: '' }, { deadlineMs, signal });
    if (status !== 'SERVING') throw new DomainError('unavailable', `the server answers ${status}`);
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
