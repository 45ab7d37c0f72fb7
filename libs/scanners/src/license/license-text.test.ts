import test from 'ava';
import { isLicenseFileName, recognizeLicenseText } from './license-text.ts';

/** How each text names itself, laid out as its file is. */
const titles: Readonly<Record<string, string>> = {
  'AGPL-3.0-only': '                    GNU AFFERO GENERAL PUBLIC LICENSE\n                       Version 3, 19 November 2007\n',
  'LGPL-3.0-only':
    '                   GNU LESSER GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n\nThis license is the GNU General Public License version 3 with permissions\n',
  'LGPL-2.1-only': '\t\t  GNU LESSER GENERAL PUBLIC LICENSE\n\t\t       Version 2.1, February 1999\n',
  'LGPL-2.0-only': '\t\t  GNU LIBRARY GENERAL PUBLIC LICENSE\n\t\t       Version 2, June 1991\n',
  'GPL-3.0-only': '                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n',
  'GPL-2.0-only': '                    GNU GENERAL PUBLIC LICENSE\n                       Version 2, June 1991\n',
  'GPL-1.0-only': '                    GNU GENERAL PUBLIC LICENSE\n                     Version 1, February 1989\n',
  'GFDL-1.3-only': '                GNU Free Documentation License\n                 Version 1.3, 3 November 2008\n',
  'SSPL-1.0': '                     Server Side Public License\n                     VERSION 1, OCTOBER 16, 2018\n',
  'BUSL-1.1': 'Business Source License 1.1\n\nParameters\n\nLicensor: X\nChange License: Apache License, Version 2.0\n',
  'Elastic-2.0': 'Elastic License 2.0\n\nURL: https://www.elastic.co/licensing/elastic-license\n',
  'MPL-2.0': 'Mozilla Public License Version 2.0\n==================================\n',
  'MPL-1.1': '                          MOZILLA PUBLIC LICENSE\n                                Version 1.1\n',
  'EPL-2.0': 'Eclipse Public License - v 2.0\n',
  'EPL-1.0': 'Eclipse Public License - v 1.0\n',
  'CDDL-1.0': 'COMMON DEVELOPMENT AND DISTRIBUTION LICENSE (CDDL)\nVersion 1.0\n',
  'EUPL-1.2': 'EUROPEAN UNION PUBLIC LICENCE v. 1.2\nEUPL © the European Union 2007, 2016\n',
  'Apache-2.0': '                                 Apache License\n                           Version 2.0, January 2004\n',
  'Artistic-2.0': '                       The Artistic License 2.0\n',
  'BSL-1.0': 'Boost Software License - Version 1.0 - August 17th, 2003\n',
  'OFL-1.1': 'This license is copied below:\n\nSIL OPEN FONT LICENSE Version 1.1 - 26 February 2007\n',
  'CC0-1.0': 'Creative Commons Legal Code\n\nCC0 1.0 Universal\n',
  'CC-BY-4.0': 'Attribution 4.0 International\n',
  'CC-BY-SA-4.0': 'Attribution-ShareAlike 4.0 International\n',
  'CC-BY-NC-4.0': 'Attribution-NonCommercial 4.0 International\n',
  WTFPL: '        DO WHAT THE FUCK YOU WANT TO PUBLIC LICENSE\n                    Version 2, December 2004\n',
  'BlueOak-1.0.0': '# Blue Oak Model License\n\nVersion 1.0.0\n',
};

for (const [id, title] of Object.entries(titles)) {
  test(`recognizes the title of ${id} and no other in it`, (t) => {
    t.deepEqual(recognizeLicenseText(`${title}\nEveryone may copy it.\n`), [id]);
  });
}

const mit = `Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction.`;
const mitNotice =
  'The above copyright notice and this permission notice shall be included in all\ncopies or substantial portions of the Software.';
const isc = 'Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted';
const bsd = `Redistribution and use in source and binary forms are permitted provided that:
 1. Redistributions of source code must retain the above copyright notice, this list.
 2. Redistributions in binary form must reproduce the above copyright notice, this list.`;
const bsdNames =
  'Neither the name of X may be used to endorse or promote products derived from\nthis software without specific prior written permission.';

const bodies: readonly (readonly [string, readonly string[]])[] = [
  [`MIT License\n\nCopyright (c) 2020\n\n${mit}\n\n${mitNotice}`, ['MIT']],
  [`/*\n * ${`${mit}\n${mitNotice}`.replaceAll('\n', '\n * ')}\n */`, ['MIT']],
  [mit, ['MIT-0']],
  [`${mit}\n${mitNotice}\nExcept as contained in this notice, the name of X shall not be used.`, ['X11']],
  [`${isc}, provided that the above\ncopyright notice and this permission notice appear in all copies.`, ['ISC']],
  [`${isc}.`, ['0BSD']],
  [bsd, ['BSD-2-Clause']],
  [`${bsd}\n${bsdNames}`, ['BSD-3-Clause']],
  [`${bsd}\nAll advertising materials mentioning features or use of this software must display\n${bsdNames}`, ['BSD-4-Clause']],
  ['This is free and unencumbered software released into the public domain.', ['Unlicense']],
  [`${mit}\n${mitNotice}\n---\n${bsd}`, ['MIT', 'BSD-2-Clause']],
  ['All rights reserved.', []],
  ['', []],
];

for (const [index, [text, ids]] of bodies.entries()) {
  test(`recognizes ${ids.join(' and ') || 'nothing'} by its words (${index})`, (t) => t.deepEqual(recognizeLicenseText(text), [...ids]));
}

test('takes what a licence quotes further on for no licence of its own', (t) => {
  const quoted = `Mozilla Public License Version 2.0\n${'x '.repeat(2000)}\nGNU General Public License, Version 2.0\n${mit}\n${mitNotice}`;
  t.deepEqual(recognizeLicenseText(quoted), ['MPL-2.0']);
});

test('looks at a bounded part of a large text', (t) => {
  t.deepEqual(recognizeLicenseText(`${'a '.repeat(10_000_000)}${mit}`), []);
});

test('tells licence files by their names', (t) => {
  for (const name of ['LICENSE', 'LICENCE.md', 'license.txt', 'LICENSE-MIT', 'COPYING', 'COPYING.LESSER', 'UNLICENSE', 'LICENSE.APACHE2'])
    t.true(isLicenseFileName(name), name);
  for (const name of ['license.ts', 'licenses.json', 'LICENSES', 'license-text.test.ts', 'README', 'copying-files.py'])
    t.false(isLicenseFileName(name), name);
});
