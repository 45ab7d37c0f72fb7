import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface TarMember {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device' | 'block-device';
  readonly linkname?: string;
  /** Permissions. */
  readonly mode?: number;
}

export async function tar(members: readonly TarMember[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, content = '', type = 'file', linkname, mode } of members) {
    const body = Buffer.from(content);
    archive.entry({ name, type, linkname, mode, size: type === 'file' ? body.length : 0 }, type === 'file' ? body : '');
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function tarGz(members: readonly TarMember[]): Promise<Buffer> {
  return gzipSync(await tar(members));
}

/** Members of a tar (POSIX ustar) whose names are bytes and whose type flag is anything, as no tool would write them. */
export function rawTar(members: readonly { name: Buffer; content?: Buffer; type?: string; size?: number }[]): Buffer {
  const blocks = members.flatMap(({ name, content = Buffer.alloc(0), type = '0', size = content.length }) => {
    const header = Buffer.alloc(512);
    name.copy(header, 0, 0, 100);
    header.write('0000644\x000000000\x000000000\0', 100, 'latin1');
    header.write(`${size.toString(8).padStart(11, '0')}\x0000000000000\0`, 124, 'latin1');
    header.write(`        ${type}`, 148, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat(blocks);
}

export interface ZipMember {
  readonly name: string;
  readonly content?: string | Buffer;
  /** Unix mode, for links and devices. */
  readonly mode?: number;
  /** What the headers say instead of the truth. */
  readonly declaredSize?: number;
  readonly flags?: number;
  /** Points to the content of the first member, of which there is one copy only. */
  readonly overlaps?: boolean;
}

/** A zip (PKWARE APPNOTE 4.3) that says what it is told to say. */
export function zip(members: readonly ZipMember[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, content = '', mode = 0o100644, declaredSize, flags = 0x800, overlaps = false } of members) {
    const body = Buffer.from(content);
    const packed = deflateRawSync(body);
    const bytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(body), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(declaredSize ?? body.length, 18);
    common.writeUInt16LE(bytes.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, bytes, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(overlaps ? 0 : offset, 10);
    const version = Buffer.from([20, 3]);
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), version, common, tail, bytes]));
    if (overlaps) continue;
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}
