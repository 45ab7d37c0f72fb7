/** Characters of a text that are looked at; the longest known licence has 60,000. */
const maxLength = 100_000;
/** Characters at the beginning where a licence names itself; further on it may name others. */
const titleLength = 1500;

interface KnownText {
  readonly id: string;
  /** In the title, or anywhere for `body`: all must stand there. Written as {@link normalize} gives them. */
  readonly title?: readonly string[];
  readonly body?: readonly string[];
  /** None may stand there: they make it another licence. */
  readonly not?: readonly string[];
}

const mitGrant =
  'permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files';
const iscGrant = 'permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted';
const bsdSource = 'redistributions of source code must retain the above copyright notice';
const bsdBinary = 'redistributions in binary form must reproduce the above copyright notice';
const bsdEndorse = 'endorse or promote products derived from this software without specific prior written permission';
const bsdAdvertising = 'all advertising materials mentioning features or use of this software must display';

/** The more special before the more general. A text cannot tell "or later": it is named as `-only`, which claims less. */
const knownTexts: readonly KnownText[] = [
  { id: 'AGPL-3.0-only', title: ['gnu affero general public license version 3'] },
  { id: 'LGPL-3.0-only', title: ['gnu lesser general public license version 3'] },
  { id: 'LGPL-2.1-only', title: ['gnu lesser general public license version 2 1'] },
  { id: 'LGPL-2.0-only', title: ['gnu library general public license version 2'] },
  { id: 'GPL-3.0-only', title: ['gnu general public license version 3'] },
  { id: 'GPL-2.0-only', title: ['gnu general public license version 2'] },
  { id: 'GPL-1.0-only', title: ['gnu general public license version 1'] },
  { id: 'GFDL-1.3-only', title: ['gnu free documentation license version 1 3'] },
  { id: 'GFDL-1.2-only', title: ['gnu free documentation license version 1 2'] },
  { id: 'SSPL-1.0', title: ['server side public license'] },
  { id: 'BUSL-1.1', title: ['business source license 1 1'] },
  { id: 'Elastic-2.0', title: ['elastic license 2 0'] },
  { id: 'MPL-2.0', title: ['mozilla public license version 2 0'] },
  { id: 'MPL-1.1', title: ['mozilla public license version 1 1'] },
  { id: 'EPL-2.0', title: ['eclipse public license v 2 0'] },
  { id: 'EPL-1.0', title: ['eclipse public license v 1 0'] },
  { id: 'CDDL-1.0', title: ['common development and distribution license', 'version 1 0'] },
  { id: 'EUPL-1.2', title: ['european union public licence v 1 2'] },
  { id: 'Apache-2.0', title: ['apache license version 2 0'] },
  { id: 'Artistic-2.0', title: ['the artistic license 2 0'] },
  { id: 'BSL-1.0', title: ['boost software license version 1 0'] },
  { id: 'OFL-1.1', title: ['sil open font license version 1 1'] },
  { id: 'CC0-1.0', title: ['cc0 1 0 universal'] },
  { id: 'CC-BY-NC-SA-4.0', title: ['attribution noncommercial sharealike 4 0 international'] },
  { id: 'CC-BY-NC-4.0', title: ['attribution noncommercial 4 0 international'] },
  { id: 'CC-BY-SA-4.0', title: ['attribution sharealike 4 0 international'] },
  { id: 'CC-BY-4.0', title: ['attribution 4 0 international'] },
  { id: 'WTFPL', title: ['do what the fuck you want to public license'] },
  { id: 'BlueOak-1.0.0', title: ['blue oak model license', 'version 1 0 0'] },
  { id: 'PSF-2.0', body: ['python software foundation license version 2'] },
  { id: 'Unlicense', body: ['this is free and unencumbered software released into the public domain'] },
  { id: 'Zlib', body: ['in no event will the authors be held liable', 'altered source versions must be plainly marked as such'] },
  {
    id: 'PostgreSQL',
    body: [
      'permission to use copy modify and distribute this software and its documentation for any purpose without fee and without a written agreement is hereby granted',
    ],
  },
  {
    id: 'X11',
    body: [mitGrant, 'the above copyright notice and this permission notice shall be included', 'except as contained in this notice'],
  },
  {
    id: 'MIT',
    body: [mitGrant, 'the above copyright notice and this permission notice shall be included'],
    not: ['except as contained in this notice'],
  },
  { id: 'MIT-0', body: [mitGrant], not: ['this permission notice shall be included', 'this permission notice including'] },
  { id: 'ISC', body: [iscGrant, 'provided that the above copyright notice and this permission notice appear in all copies'] },
  { id: '0BSD', body: [iscGrant], not: ['this permission notice appear in all copies'] },
  { id: 'BSD-4-Clause', body: [bsdSource, bsdBinary, bsdAdvertising] },
  { id: 'BSD-3-Clause', body: [bsdSource, bsdBinary, bsdEndorse], not: [bsdAdvertising] },
  { id: 'BSD-2-Clause', body: [bsdSource, bsdBinary], not: [bsdEndorse, bsdAdvertising] },
];

/**
 * The licences whose text a file holds, as SPDX identifiers in a fixed order; none when it holds none that is known. A licence that
 * names itself in its title stands alone: what follows may quote others.
 */
export function recognizeLicenseText(text: string): string[] {
  const body = normalize(text.slice(0, maxLength));
  const title = body.slice(0, titleLength);
  const titled = knownTexts.find((known) => known.title?.every((phrase) => title.includes(phrase)));
  if (titled !== undefined) return [titled.id];
  return knownTexts
    .filter(
      ({ body: phrases = [], not = [] }) =>
        phrases.length > 0 && phrases.every((phrase) => body.includes(phrase)) && !not.some((phrase) => body.includes(phrase)),
    )
    .map(({ id }) => id);
}

/** Whether a file's name says that it holds a licence. */
export function isLicenseFileName(name: string): boolean {
  return (
    /^(licen[cs]e|copying|unlicen[cs]e)([-_.][\w.-]*)?$/i.test(name) &&
    !/\.(js|ts|json|html?|py|go|rb|java|c|h|rs|php|xml|ya?ml)$/i.test(name)
  );
}

/** Words alone: licences differ in line breaks, quotation marks, bullets and comment signs. */
function normalize(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();
}
