import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stateMachineDocument } from './state-machine-document.ts';

const output = 'libs/contracts/src/generated';
const stateMachineFile = 'docs/STATE-MACHINE.md';
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

if (process.argv.includes('--check')) {
  const stale = [
    ...(isCurrent() ? [] : [`${output} is not what proto/ gives`]),
    ...(readFileSync(stateMachineFile, 'utf8') === stateMachineDocument() ? [] : [`${stateMachineFile} is not what libs/domain says`]),
  ];
  if (stale.length > 0) process.stderr.write(`${stale.join('\n')}\n`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  generate();
  writeFileSync(stateMachineFile, stateMachineDocument());
}
