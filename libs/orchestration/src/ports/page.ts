export interface PageRequest {
  /** 1 to 1,000. */
  readonly pageSize: number;
  /** Opaque, from the previous page of the same query; null for the first. `invalid_argument` when it belongs to another query. */
  readonly pageToken: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Null on the last page. */
  readonly nextPageToken: string | null;
  /** Exact up to 10,000; above that, 10,000. */
  readonly totalCount: number;
  readonly totalCountExact: boolean;
}
