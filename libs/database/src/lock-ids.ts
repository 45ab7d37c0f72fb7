/**
 * Every advisory lock of this database, so that no two parts take the same one by accident. The numbers are also in
 * SQL functions that migrations made: never change one.
 */
export const lockIds = {
  /** Session lock: one process migrates. */
  migrate: 7_240_001,
  /** Transaction lock: who holds it counts the running scans and admits more. */
  admission: 7_240_002,
  /** Transaction lock: taken by the SQL function `ensure_partition`. */
  partitions: 7_240_003,
  /** Session lock: one sweeper sweeps. */
  sweeper: 7_240_004,
  /** Session lock: one storage process collects. */
  storageCollector: 7_240_005,
} as const;
