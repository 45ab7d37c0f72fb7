import test from 'ava';
import { keyOf } from './queues.ts';

test('deleting all artifacts of a scan is not swallowed by deleting those of one type', (t) => {
  const leftovers = { organizationId: 'organization', scanId: 'scan', type: 'scan_results', keep: ['artifact'] } as const;
  t.is(keyOf('delete-artifacts', leftovers), keyOf('delete-artifacts', { ...leftovers }));
  t.not(keyOf('delete-artifacts', leftovers), keyOf('delete-artifacts', { ...leftovers, type: null, keep: [] }));
});
