import type { UserDelegationKey } from '@azure/storage-blob';

const hourMs = 3_600_000;
/** Azure gives seven days at most, by its own clock. */
const lifeMs = 6 * 24 * hourMs;
/** A key that was revoked stays in use no longer. */
const renewAfterMs = hourMs;
const clockSkewMs = hourMs / 4;

/** The longest that a URL lives that such a key signed. */
export const maxDelegatedMs = lifeMs - renewAfterMs;

/** Keys that sign URLs in the name of an identity: no key of the account is needed, and Azure can revoke them. */
export class DelegationKeys {
  readonly #ask: (from: Date, until: Date) => Promise<UserDelegationKey>;
  readonly #now: () => number;
  #held: { readonly since: number; readonly key: Promise<UserDelegationKey> } | null = null;

  /** @param now in milliseconds */
  constructor(ask: (from: Date, until: Date) => Promise<UserDelegationKey>, now: () => number = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  /** One that lives for at least {@link maxDelegatedMs}. Callers share one call; after an error the next one asks again. */
  current(): Promise<UserDelegationKey> {
    const now = this.#now();
    if (this.#held === null || now - this.#held.since >= renewAfterMs) {
      const held = { since: now, key: this.#ask(new Date(now - clockSkewMs), new Date(now + lifeMs)) };
      this.#held = held;
      held.key.catch(() => {
        if (this.#held === held) this.#held = null;
      });
    }
    return this.#held.key;
  }
}
