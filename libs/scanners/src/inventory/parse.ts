import { XMLParser } from 'fast-xml-parser';
import { parse as parseTomlText } from 'smol-toml';
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { ParsedNode } from 'yaml';
import { LockFileError } from './dependency.ts';

/** Nesting above this is no lock file; it also keeps recursion far from the stack's end. */
const maxDepth = 64;
/**
 * Lines, list items and elements of one text. The parsers of YAML, TOML and XML make objects of up to a KiB for each, so a
 * dense file of a few MiB could take all memory; the largest real lock files have a tenth of this.
 */
const maxItems = 600_000;

/** @throws LockFileError */
export function parseJson(text: string): unknown {
  return understand('JSON', () => JSON.parse(text.replace(/^\uFEFF/, '')) as unknown);
}

/** @throws LockFileError */
export function parseToml(text: string): unknown {
  checkItems(text);
  return understand('TOML', () => parseTomlText(text.replace(/^\uFEFF/, ''), { maxDepth }));
}

/**
 * XML with the entities left as they are written: none is ever expanded or fetched.
 * Elements that repeat come as arrays, those that stand once come alone. Comments and attributes are dropped.
 *
 * @throws LockFileError
 */
export function parseXml(text: string): unknown {
  checkItems(text);
  const parser = new XMLParser({
    ignoreAttributes: true,
    processEntities: false,
    parseTagValue: false,
    removeNSPrefix: true,
    captureMetaData: true,
  });
  return understand('XML', () => parser.parse(text, true) as unknown);
}

/** The offset at which an element of {@link parseXml} begins; 0 when unknown. */
export function xmlOffset(element: unknown): number {
  const metaData = XMLParser.getMetaDataSymbol() as unknown as symbol;
  if (typeof element !== 'object' || element === null) return 0;
  const captured: unknown = Reflect.get(element, metaData);
  return typeof captured === 'object' && captured !== null && 'startIndex' in captured ? Number(captured.startIndex) : 0;
}

/** A YAML value with the lines of its keys. */
export type YamlValue = string | readonly YamlValue[] | YamlMap | null;

/** A mapping; a Map, so that no key means anything to JavaScript. */
export type YamlMap = ReadonlyMap<string, { readonly value: YamlValue; readonly line: number }>;

/**
 * Every document of a YAML text, scalars as text. Lock files hold no aliases, so a text with one is refused: that is
 * how an exponential ("billion laughs") document is written.
 *
 * @throws LockFileError
 */
export function parseYaml(text: string): readonly YamlValue[] {
  checkItems(text);
  return understand('YAML', () => {
    const lineCounter = new LineCounter();
    const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: false, schema: 'failsafe', logLevel: 'silent' });
    if (!Array.isArray(documents)) return [];
    return documents.map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      return yamlValue(document.contents, lineCounter, 0);
    });
  });
}

function yamlValue(node: ParsedNode | null, lineCounter: LineCounter, depth: number): YamlValue {
  if (node === null) return null;
  if (depth > maxDepth) throw new LockFileError(`nests deeper than ${maxDepth} levels`);
  if (isAlias(node)) throw new LockFileError('holds a YAML alias, which no lock file does');
  if (isScalar(node)) return node.value === null ? null : String(node.value);
  if (isSeq(node)) return node.items.map((item) => yamlValue(item as ParsedNode, lineCounter, depth + 1));
  if (!isMap(node)) return null;
  const map = new Map<string, { value: YamlValue; line: number }>();
  for (const { key, value } of node.items) {
    if (!isScalar(key)) throw new LockFileError('holds a YAML key that is not text');
    const line = lineCounter.linePos(key.range?.[0] ?? 0).line;
    map.set(String(key.value), { value: yamlValue(value as ParsedNode | null, lineCounter, depth + 1), line });
  }
  return map;
}

/** The mapping under a key; empty when there is none. */
export function yamlMap(value: YamlValue | undefined): YamlMap {
  return value instanceof Map ? (value as YamlMap) : new Map();
}

/** Empty when the value is not text. */
export function yamlText(value: YamlValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Gives the 1-based line of an offset; offsets must not decrease from call to call. */
export function lineCounterOf(text: string): (offset: number) => number {
  let line = 1;
  let position = 0;
  return (offset) => {
    for (let next = text.indexOf('\n', position); next !== -1 && next < offset; next = text.indexOf('\n', position)) {
      line += 1;
      position = next + 1;
    }
    return line;
  };
}

function checkItems(text: string): void {
  let items = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\n' || character === ',' || character === '[' || character === '{' || character === '<') items += 1;
  }
  if (items > maxItems) throw new LockFileError(`has more than ${maxItems} entries`);
}

/** The parsers throw errors of their own, and RangeError where hostile nesting exhausts the stack. */
function understand<T>(format: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof LockFileError) throw error;
    const reason = error instanceof RangeError ? 'it nests too deeply' : firstLine(error);
    throw new LockFileError(`is not ${format} that can be read (${reason})`, { cause: error });
  }
}

function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line.slice(0, 160);
}
