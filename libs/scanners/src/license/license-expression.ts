import correct from 'spdx-correct';
import parse from 'spdx-expression-parse';
import type { SpdxNode } from 'spdx-expression-parse';

/** Characters. Longer is the text of a licence, or hostile. */
const maxLength = 300;

/** A licence as a package states it, as far as it could be understood. */
export interface StatedLicense {
  /** An SPDX expression; the stated text (shortened) where it is none. */
  readonly text: string;
  /** Null where the text is no SPDX expression and names no licence that one could mean. */
  readonly node: SpdxNode | null;
  /** The package reserves all rights. */
  readonly proprietary: boolean;
}

/**
 * Understands what packages write into their licence field: SPDX expressions, `MIT/Apache-2.0` of old Cargo manifests, and
 * names that mean one licence (`Apache License, Version 2.0`). Null when the field says nothing.
 */
export function readLicenseExpression(field: string): StatedLicense | null {
  const text = field.replace(/\s+/g, ' ').trim();
  if (text === '' || /^(UNKNOWN|NOASSERTION|none)$/i.test(text)) return null;
  if (/^UNLICENSED$|proprietary|all rights reserved|^commercial$/i.test(text))
    return { text: text.slice(0, maxLength), node: null, proprietary: true };
  if (text.length > maxLength) return { text: `${text.slice(0, 80)}…`, node: null, proprietary: false };
  for (const candidate of [text, text.replaceAll('/', ' OR ')]) {
    const node = parseExpression(candidate);
    if (node !== null) return { text: candidate, node, proprietary: false };
  }
  // "SEE LICENSE IN …" points to a text; a guess at it would be one at the file's name.
  const guess = /^see\b/i.test(text) ? null : correct(text);
  // Of "BSD, GPL 3" the guess takes a part; that must not hide a copyleft licence.
  const corrected = guess !== null && /GPL|GNU/i.test(text) && !/GPL|GFDL/.test(guess) ? null : guess;
  return { text: corrected ?? text, node: corrected === null ? null : parseExpression(corrected), proprietary: false };
}

/** Null for what is no SPDX expression (SPDX 2.3, annex D). */
export function parseExpression(expression: string): SpdxNode | null {
  try {
    return parse(expression);
  } catch {
    return null;
  }
}
