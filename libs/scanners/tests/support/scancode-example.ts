import type { SourceFiles } from './external-tools.ts';

/** Put together here, so that no file of this repository states these licences. */
const identifier = (license: string): string => `${'SPDX'}-License-Identifier: ${license}`;

const gplNotice = `/* This program is free software; you can redistribute it and/or modify
 * it under the terms of the GNU General Public License as published by
 * the Free Software Foundation; either version 2 of the License, or
 * (at your option) any later version.
 */
`;

/** A source under MIT that carries most kinds of licences, and packages of others. */
export const exampleSource: SourceFiles = {
  LICENSE: 'MIT License\n',
  'package.json': JSON.stringify({ name: 'example', version: '1.0.0', license: 'MIT' }),
  'lib/own.js': `// ${identifier('MIT')}\n`,
  'lib/tool.py': `# ${identifier('GPL-3.0-or-later')}\nimport os\n`,
  'src/both.js': `// ${identifier('MIT')}\nfirst();\n\n// ${identifier('LGPL-2.1-only')}\nsecond();\n`,
  'src/choice.js': `// ${identifier('MIT OR GPL-2.0-only')}\n`,
  'src/first.c': `${gplNotice}int first;\n`,
  'src/second.c': `${gplNotice}int second;\n`,
  'src/terms.js': '// This software is proprietary and confidential. All rights reserved.\n',
  'vendor/left/package.json': JSON.stringify({ name: '@example/left', version: '1.2.3', license: 'AGPL-3.0-only' }),
  'vendor/right/pom.xml':
    '<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>right</artifactId><version>2.0</version><licenses><license><name>Eclipse Public License 2.0</name></license></licenses></project>',
};
