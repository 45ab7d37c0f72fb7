import type { ObjectApi } from '../api-server/object-api.ts';

/** What Kubernetes does by itself. */
export class Controllers {
  readonly #api: ObjectApi;

  constructor(api: ObjectApi) {
    this.#api = api;
  }

  start(): void {}

  async settled(): Promise<void> {}

  loseNode(_name: string): void {}

  stop(): void {}
}
