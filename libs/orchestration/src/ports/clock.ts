/** The only source of time in the use cases. */
export interface Clock {
  now(): Date;
}

/** Draws a UUIDv7 at a moment. */
export type NewId = (at: Date) => string;
