/**
 * Writes a bbolt database (https://github.com/etcd-io/bbolt) as Trivy's advisories are kept in one: each bucket is a single leaf page, as
 * long as it has to be, so there are no branches; and there is nothing free.
 */
const pageSize = 4096;
const pageHeaderBytes = 16;
const elementBytes = 16;
const flags = { bucket: 0x01, leaf: 0x02, meta: 0x04, freeList: 0x10 } as const;

export type Bucket = Readonly<{ [key: string]: string | Bucket }>;

export function boltFile(root: Bucket): Buffer {
  // Two copies of the meta page and the list of free pages come first.
  const pages: Buffer[] = [];
  let nextId = 3;
  const write = (bucket: Bucket): bigint => {
    const entries = Object.entries(bucket).map(([key, value]): [Buffer, number, Buffer] =>
      typeof value === 'string' ? [Buffer.from(key), 0, Buffer.from(value)] : [Buffer.from(key), flags.bucket, bucketHeader(write(value))],
    );
    entries.sort(([a], [b]) => Buffer.compare(a, b));
    const page = leafPage(nextId, entries);
    const id = nextId;
    nextId += page.length / pageSize;
    pages.push(page);
    return BigInt(id);
  };
  const rootId = write(root);
  return Buffer.concat([metaPage(0, rootId, nextId), metaPage(1, rootId, nextId), freeListPage(), ...pages]);
}

function leafPage(id: number, entries: readonly (readonly [Buffer, number, Buffer])[]): Buffer {
  const elements = Buffer.alloc(entries.length * elementBytes);
  const data: Buffer[] = [];
  let dataBytes = 0;
  for (const [index, [key, kind, value]] of entries.entries()) {
    const at = index * elementBytes;
    elements.writeUInt32LE(kind, at);
    // From the element itself.
    elements.writeUInt32LE(elements.length - at + dataBytes, at + 4);
    elements.writeUInt32LE(key.length, at + 8);
    elements.writeUInt32LE(value.length, at + 12);
    data.push(key, value);
    dataBytes += key.length + value.length;
  }
  const used = pageHeaderBytes + elements.length + dataBytes;
  const overflow = Math.ceil(used / pageSize) - 1;
  const page = Buffer.alloc((overflow + 1) * pageSize);
  Buffer.concat([pageHeader(id, flags.leaf, entries.length, overflow), elements, ...data]).copy(page);
  return page;
}

function metaPage(id: number, rootId: bigint, pageCount: number): Buffer {
  const meta = Buffer.alloc(64);
  meta.writeUInt32LE(0xed0cdaed, 0);
  meta.writeUInt32LE(2, 4);
  meta.writeUInt32LE(pageSize, 8);
  meta.writeBigUInt64LE(rootId, 16);
  // The free list's page, behind the root's sequence.
  meta.writeBigUInt64LE(2n, 32);
  meta.writeBigUInt64LE(BigInt(pageCount), 40);
  meta.writeBigUInt64LE(BigInt(id), 48);
  meta.writeBigUInt64LE(fnv1a(meta.subarray(0, 56)), 56);
  return padded(Buffer.concat([pageHeader(id, flags.meta, 0, 0), meta]));
}

function freeListPage(): Buffer {
  return padded(pageHeader(2, flags.freeList, 0, 0));
}

function pageHeader(id: number, kind: number, count: number, overflow: number): Buffer {
  const header = Buffer.alloc(pageHeaderBytes);
  header.writeBigUInt64LE(BigInt(id), 0);
  header.writeUInt16LE(kind, 8);
  header.writeUInt16LE(count, 10);
  header.writeUInt32LE(overflow, 12);
  return header;
}

function bucketHeader(rootId: bigint): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(rootId, 0);
  return header;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc(pageSize - content.length)]);
}

/** FNV-1a of 64 bits (RFC 9923). */
function fnv1a(bytes: Buffer): bigint {
  return bytes.reduce((hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn, 0xcbf29ce484222325n);
}
