import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { crc32, createGzip } from 'node:zlib';
import { pack } from 'tar-stream';

/** Writes a .tar.gz with the given files. */
export async function writeTarGz(location: string, files: Readonly<Record<string, string>>): Promise<void> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  await pipeline(archive, createGzip(), createWriteStream(location));
}

/** Writes a .zip with the given files, stored without compression (APPNOTE.TXT, section 4.3). */
export async function writeZip(location: string, files: Readonly<Record<string, string>>): Promise<void> {
  const members: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const nameBytes = Buffer.from(name);
    const data = Buffer.from(content);
    // Version, flags, method, time and date, checksum, both sizes, lengths of name and extra field.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const position = Buffer.alloc(14);
    position.writeUInt32LE(offset, 10);
    members.push(Buffer.from('PK\u0003\u0004'), common, nameBytes, data);
    directory.push(Buffer.from('PK\u0001\u0002'), Buffer.from([20, 0]), common, position, nameBytes);
    offset += 4 + common.length + nameBytes.length + data.length;
  }
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  await writeFile(location, Buffer.concat([...members, ...directory, Buffer.from('PK\u0005\u0006'), end]));
}
