/** Blocks of a blob have ids of equal length; Azure tells of an uncommitted block its id and its size, so the id tells the rest. */
export interface BlockId {
  readonly partNumber: number;
  /** When the URL was signed by which the block came, in milliseconds: the later of two blocks of a number is the part. */
  readonly signedAt: number;
}

export function blockIdOf({ partNumber, signedAt }: BlockId): string {
  return Buffer.from(`${String(partNumber).padStart(5, '0')}.${String(signedAt).padStart(15, '0')}`).toString('base64');
}

/** Null for an id that {@link blockIdOf} never makes: a SAS does not bind it, so a client can name its own. */
export function parseBlockId(id: string): BlockId | null {
  const [, partNumber, signedAt] = /^(\d{5})\.(\d{15})$/.exec(Buffer.from(id, 'base64').toString('latin1')) ?? [];
  return partNumber === undefined || signedAt === undefined ? null : { partNumber: Number(partNumber), signedAt: Number(signedAt) };
}
