/** Who calls, in which organization. */
export interface Principal {
  readonly organizationId: string;
  /** A user id, `runner`, or `anonymous` where authentication is disabled; written into every event. */
  readonly actor: string;
}
