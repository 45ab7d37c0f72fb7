import { compareDigits, compareText, isDigits } from './tokens.ts';

type Item = NumberItem | TextItem | ListItem;

interface NumberItem {
  readonly kind: 'number';
  readonly digits: string;
}

interface TextItem {
  readonly kind: 'text';
  readonly text: string;
}

interface ListItem {
  readonly kind: 'list';
  readonly items: Item[];
}

/** Qualifiers in their order; the empty one is a release. What is not here comes after `sp`, by name. */
const qualifiers = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'];
const aliases = new Map([
  ['ga', ''],
  ['final', ''],
  ['release', ''],
  ['cr', 'rc'],
]);
/** Before a digit one letter stands for a qualifier: `1-a2` is `1-alpha-2`. */
const shorthands = new Map([
  ['a', 'alpha'],
  ['b', 'beta'],
  ['m', 'milestone'],
]);

/**
 * Orders two versions as Maven does (org.apache.maven.artifact.versioning.ComparableVersion, described at
 * https://maven.apache.org/pom.html#version-order-specification). Every text is a version.
 */
export function compareMaven(a: string, b: string): number {
  return compareLists(parse(a), parse(b));
}

/**
 * Dots separate items of one list; a hyphen, and a change between digits and letters, opens a list inside it. Items that
 * equal nothing (0, a release, an empty list) are dropped at the end of each list.
 */
function parse(version: string): ListItem {
  const root: ListItem = { kind: 'list', items: [] };
  const lists = [root];
  let list = root;
  const open = (): void => {
    const next: ListItem = { kind: 'list', items: [] };
    list.items.push(next);
    lists.push(next);
    list = next;
  };
  let previous = '';
  for (const [token] of version.toLowerCase().matchAll(/\d+|[^\d.-]+|[.-]/g)) {
    if (token === '.' || token === '-') {
      if (previous === '' || previous === '.' || previous === '-') list.items.push(number('0'));
      if (token === '-') open();
    } else if (isDigits(token)) {
      // A qualifier directly before a number: `alpha1` is `alpha-1`.
      const last = list.items.at(-1);
      if (last?.kind === 'text' && previous !== '.' && previous !== '-') {
        list.items[list.items.length - 1] = qualifier(last.text, true);
        open();
      }
      list.items.push(number(token));
    } else {
      // A number directly before a qualifier: `1rc` is `1-rc`.
      if (previous !== '' && isDigits(previous)) open();
      list.items.push({ kind: 'text', text: token });
    }
    previous = token;
  }
  for (const { items } of lists) {
    for (const [index, item] of items.entries()) if (item.kind === 'text') items[index] = qualifier(item.text, false);
  }
  for (const { items } of lists.toReversed()) dropNothings(items);
  return root;
}

function number(digits: string): NumberItem {
  return { kind: 'number', digits };
}

function qualifier(text: string, beforeDigit: boolean): TextItem {
  const full = beforeDigit ? (shorthands.get(text) ?? text) : text;
  return { kind: 'text', text: aliases.get(full) ?? full };
}

function dropNothings(items: Item[]): void {
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const item = items[index]!;
    if (compareItem(item, undefined) === 0) items.splice(index, 1);
    else if (item.kind !== 'list') return;
  }
}

function compareLists(a: ListItem, b: ListItem): number {
  const length = Math.max(a.items.length, b.items.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.items[index];
    const right = b.items[index];
    const order = left === undefined ? -compareItem(right!, undefined) : compareItem(left, right);
    if (order !== 0) return order;
  }
  return 0;
}

function compareItem(a: Item, b: Item | undefined): number {
  switch (a.kind) {
    case 'number':
      if (b === undefined) return isZero(a) ? 0 : 1;
      return b.kind === 'number' ? compareDigits(a.digits, b.digits) : 1;
    case 'text':
      if (b === undefined) return compareQualifiers(a.text, '');
      return b.kind === 'text' ? compareQualifiers(a.text, b.text) : -1;
    case 'list':
      if (b === undefined) return a.items.reduce((order, item) => order || compareItem(item, undefined), 0);
      if (b.kind === 'list') return compareLists(a, b);
      return b.kind === 'number' ? -1 : 1;
  }
}

function isZero({ digits }: NumberItem): boolean {
  return /^0+$/.test(digits);
}

function compareQualifiers(a: string, b: string): number {
  const left = qualifiers.indexOf(a);
  const right = qualifiers.indexOf(b);
  if (left === -1 && right === -1) return compareText(a, b);
  return Math.sign((left === -1 ? qualifiers.length : left) - (right === -1 ? qualifiers.length : right));
}
