import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const output = 'libs/contracts/src/generated';
const descriptorsFile = join(output, 'descriptors.ts');

/** Writes libs/contracts/src/generated from proto/: the ts-proto code, and the descriptors that server reflection serves. */
function generate(): void {
  rmSync(output, { recursive: true, force: true });
  execFileSync('buf', ['generate'], { stdio: 'inherit' });
  const descriptors = execFileSync('buf', ['build', 'proto', '--as-file-descriptor-set', '-o', '-']).toString('base64');
  const lines = descriptors.match(/.{1,120}/g) ?? [];
  const text = [
    '// Generated from proto/ by tools/generate.ts. DO NOT EDIT.',
    '/** A google.protobuf.FileDescriptorSet, base64. */',
    'export const fileDescriptorSet: string = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('');",
    '',
  ];
  writeFileSync(descriptorsFile, text.join('\n'));
}

/** Whether the committed code is what proto/ gives; leaves the tree as it was. */
function isCurrent(): boolean {
  const backup = mkdtempSync(join(tmpdir(), 'cloudscan-generated-'));
  try {
    cpSync(output, backup, { recursive: true });
    generate();
    return filesOf(output) === filesOf(backup);
  } finally {
    rmSync(output, { recursive: true, force: true });
    cpSync(backup, output, { recursive: true });
    rmSync(backup, { recursive: true, force: true });
  }
}

/** Every file's name and content. */
function filesOf(folder: string): string {
  const names = execFileSync('find', ['.', '-type', 'f'], { cwd: folder, encoding: 'utf8' }).trim().split('\n').sort();
  return names.map((name) => `${name}\n${readFileSync(join(folder, name), 'utf8')}`).join('\n');
}

if (!process.argv.includes('--check')) generate();
else if (!isCurrent()) {
  process.stderr.write('libs/contracts/src/generated is not what proto/ gives\n');
  process.exitCode = 1;
}
