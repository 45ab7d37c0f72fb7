import type { Fault, KubernetesSimulator } from '@cloudscan/testing';

const effects: readonly Fault['effect'][] = [
  { kind: 'status', code: 429, retryAfterSeconds: 1 },
  { kind: 'status', code: 500 },
  { kind: 'status', code: 503 },
  { kind: 'reset', when: 'before' },
  { kind: 'reset', when: 'after' },
  { kind: 'slow', delayMs: 200 },
];
const watchEffects: readonly Fault['effect'][] = [{ kind: 'cut' }, { kind: 'duplicate' }, { kind: 'reorder' }];

/** Lets that share of all requests, and of what watches tell, go wrong in every way; `clear` ends it and answers how often. */
export function setUpFaults({ faults }: KubernetesSimulator, share: number): { clear(): number } {
  for (const effect of effects) faults.add({ effect, probability: share / effects.length });
  for (const effect of watchEffects) faults.add({ effect, probability: share / watchEffects.length });
  return {
    clear: () => {
      const hits = faults.list().reduce((sum, fault) => sum + fault.hits, 0);
      faults.clear();
      return hits;
    },
  };
}
