import { categoryOf } from '../../license/categories.ts';
import type { LicenseCategory } from '../../license/categories.ts';
import { parseExpression } from '../../license/license-expression.ts';
import type { StatedLicense } from '../../license/license-expression.ts';
import { scanCodeCategory } from '../severity.ts';

/** Characters of an expression that a finding shows. ScanCode joins all that one file says, which may be a hundred licences. */
const maxShown = 300;

const words = /[\w.+-]+/g;

/** Of identifiers that are not on the SPDX list (SPDX 2.3, section 10). */
const reservedPrefix = 'LicenseRef-';

/** One licence that ScanCode knows. */
export interface LicenseReference {
  /** ScanCode's own, for example `gpl-2.0-plus`. */
  readonly key: string;
  /** In SPDX expressions: an identifier of the SPDX list, or `LicenseRef-scancode-…`. */
  readonly spdxKey: string;
  /** As ScanCode names it, for example `Copyleft Limited`. */
  readonly category: string;
}

/** The licences that one report names. */
export class LicenseReferences {
  readonly #bySpdxKey = new Map<string, LicenseReference>();
  readonly #spdxKeys = new Map<string, string>();

  add(reference: LicenseReference): void {
    this.#bySpdxKey.set(reference.spdxKey, reference);
    this.#spdxKeys.set(reference.key, reference.spdxKey);
  }

  /** An expression of ScanCode's own keys as one of SPDX. */
  toSpdx(expression: string): string {
    return expression.replace(words, (word) => this.#spdxKeys.get(word) ?? word);
  }

  /** Those of an expression, in its order. */
  in(expression: string): readonly LicenseReference[] {
    return identifiersOf(expression).flatMap((identifier) => this.#bySpdxKey.get(identifier) ?? []);
  }

  /**
   * The category by our own table, so that a licence weighs the same whichever tool has found it; by ScanCode's for the two thousand licences
   * that are not in it.
   */
  categoryOf(identifier: string, exception: string): LicenseCategory {
    const own = categoryOf(identifier, exception);
    if (own !== 'unknown') return own;
    const reference = this.#bySpdxKey.get(identifier) ?? this.#bySpdxKey.get(identifier.slice(reservedPrefix.length));
    return scanCodeCategory(reference?.category ?? '');
  }
}

/**
 * An SPDX expression of ScanCode's as the policy reads it. ScanCode knows licences that the SPDX list of this program does not have yet, and
 * writes its own exceptions and lone ones where SPDX allows neither: such an expression stands for all the licences that it names.
 */
export function statedBy(expression: string): StatedLicense {
  const node = parseExpression(expression) ?? parseExpression(identifiersOf(expression).map(parsable).join(' AND '));
  const text = expression.length > maxShown ? `${expression.slice(0, maxShown)}…` : expression;
  return { text, node, proprietary: false };
}

function identifiersOf(expression: string): string[] {
  return [...new Set(expression.match(words))].filter((word) => !/^(AND|OR|WITH)$/.test(word));
}

function parsable(identifier: string): string {
  return parseExpression(identifier) === null ? reservedPrefix + identifier.replace(/[^\w.-]/g, '-') : identifier;
}
