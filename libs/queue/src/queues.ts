import type { QueueMessages, QueueName } from '@cloudscan/orchestration';

/**
 * What makes two messages of a queue the same: of those with one key only one waits or is being handled. How the queues try
 * again, and for how long, stands in the migrations that make them.
 */
const keys: { readonly [Q in QueueName]: (message: QueueMessages[Q]) => string } = {
  dispatch: ({ scanId, attempt }) => `${scanId}/${attempt}`,
  'stop-job': ({ jobName }) => jobName,
  attest: ({ scanId }) => scanId,
  // To delete everything is more than to delete what one run left.
  'delete-artifacts': ({ scanId, type }) => `${scanId}/${type ?? 'all'}`,
};

export function keyOf<Q extends QueueName>(queue: Q, message: QueueMessages[Q]): string {
  return keys[queue](message);
}
