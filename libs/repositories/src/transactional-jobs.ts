import type { Transaction } from '@cloudscan/database';
import type { QueueMessages, QueueName } from '@cloudscan/orchestration';

export type OutgoingMessage = { readonly [Q in QueueName]: { readonly queue: Q; readonly message: QueueMessages[Q] } }[QueueName];

/** Sends queue messages inside a repository's transaction, so that they are there exactly when its rows are. */
export interface TransactionalJobs {
  /** The transaction works as the system by now. What waits or is being handled already is not sent a second time. */
  send(transaction: Transaction, messages: readonly OutgoingMessage[]): Promise<void>;
}
