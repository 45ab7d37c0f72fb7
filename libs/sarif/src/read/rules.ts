import type { JsonNode } from './json-node.ts';
import { readMessageStrings, readMultiformat } from './message.ts';
import type { MessageStrings } from './message.ts';
import { levels, readSecuritySeverity } from './severity.ts';
import type { Level } from './severity.ts';
import { cveOf, cweOf, textsOf } from './weakness.ts';

/** What results say nothing of, since their rule does (SARIF section 3.49). */
export interface Rule {
  readonly id: string;
  readonly guid: string;
  readonly title: string;
  readonly level: Level | null;
  readonly securitySeverity: number | null;
  /** Empty where the rule names none itself. */
  readonly cweId: string;
  /** Other descriptors, of which a taxon of CWE may be one. */
  readonly related: readonly Reference[];
  readonly cveId: string;
  readonly cvssVector: string;
  readonly remediation: string;
  readonly references: readonly string[];
  readonly tags: readonly string[];
  readonly messageStrings: MessageStrings;
}

/** Names a descriptor of a component (SARIF section 3.52). */
export interface Reference {
  readonly id: string;
  readonly index: number | null;
  readonly guid: string;
  readonly component: { readonly name: string; readonly index: number | null; readonly guid: string };
}

/** Characters kept of a rule's help, which may be a whole page. */
const maxHelp = 8000;
const maxReferences = 50;

export function readRule(node: JsonNode): Rule {
  const properties = node.at('properties');
  const tags = textsOf(properties.at('tags'));
  const id = node.at('id').text();
  if (id === '') node.at('id').fail('is missing');
  const help = readMultiformat(node.at('help'));
  return {
    id,
    guid: node.at('guid').text(),
    title: readMultiformat(node.at('shortDescription')) || node.at('name').text(),
    level: node.at('defaultConfiguration').at('level').member(levels),
    securitySeverity: readSecuritySeverity(properties.at('security-severity').value),
    cweId: firstOf([...textsOf(properties.at('cwe')), ...tags], cweOf),
    related: node
      .at('relationships')
      .items()
      .map((relationship) => readReference(relationship.at('target'))),
    cveId: firstOf([id, ...tags], cveOf),
    cvssVector: textsOf(properties.at('cvssVector'))[0] ?? '',
    remediation: help.slice(0, maxHelp),
    references: referencesOf([
      node.at('helpUri').text(),
      ...textsOf(properties.at('references')),
      ...linksOf(node.at('help').at('markdown').text().slice(0, maxHelp)),
    ]),
    tags,
    messageStrings: readMessageStrings(node.at('messageStrings')),
  };
}

function linksOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/\]\((https?:\/\/[^\s()]+)\)/g)].map(([, uri]) => uri!);
}

function referencesOf(uris: readonly string[]): readonly string[] {
  return [...new Set(uris)].filter((uri) => uri !== '').slice(0, maxReferences);
}

export function readReference(node: JsonNode): Reference {
  const component = node.at('toolComponent');
  return {
    id: node.at('id').text(),
    index: node.at('index').integer(),
    guid: node.at('guid').text(),
    component: { name: component.at('name').text(), index: component.at('index').integer(), guid: component.at('guid').text() },
  };
}

/** The first thing that is found in any of the texts; empty without one. */
export function firstOf(texts: readonly string[], find: (text: string) => string | null): string {
  for (const text of texts) {
    const found = find(text);
    if (found !== null) return found;
  }
  return '';
}

/** Descriptors of one component, by what names them. */
export class Descriptors<T extends { readonly id: string; readonly guid: string }> {
  readonly #items: T[] = [];
  readonly #byId = new Map<string, T>();
  readonly #byGuid = new Map<string, T>();

  get count(): number {
    return this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
    // Ids may come again (SARIF section 3.49.3): the first is what a mere id means.
    if (!this.#byId.has(item.id)) this.#byId.set(item.id, item);
    if (item.guid !== '') this.#byGuid.set(item.guid, item);
  }

  /** By its index, else its GUID, else its id, else the id that this one refines: `CA1000/1` is a kind of `CA1000`. */
  find({ id, index, guid }: Pick<Reference, 'id' | 'index' | 'guid'>): T | null {
    if (index !== null && index >= 0 && index < this.#items.length) return this.#items[index]!;
    if (guid !== '' && this.#byGuid.has(guid)) return this.#byGuid.get(guid)!;
    for (let at = id; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
      const item = this.#byId.get(at);
      if (item !== undefined) return item;
    }
    return null;
  }
}
