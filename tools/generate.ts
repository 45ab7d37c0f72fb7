import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** Writes libs/contracts/src/generated from proto/: the ts-proto code, and the descriptors that server reflection serves. */
function generate(): void {
  execFileSync('buf', ['generate'], { stdio: 'inherit' });
  const descriptors = execFileSync('buf', ['build', 'proto', '--as-file-descriptor-set', '-o', '-']).toString('base64');
  const lines = descriptors.match(/.{1,120}/g) ?? [];
  writeFileSync(
    'libs/contracts/src/generated/descriptors.ts',
    `// Generated from proto/ by tools/generate.ts. DO NOT EDIT.\n/** A google.protobuf.FileDescriptorSet, base64. */\nexport const fileDescriptorSet: string = [\n${lines.map((line) => `  '${line}',\n`).join('')}].join('');\n`,
  );
}

generate();
