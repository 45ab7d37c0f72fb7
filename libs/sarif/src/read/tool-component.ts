import type { JsonNode } from './json-node.ts';
import { Descriptors } from './rules.ts';
import type { Reference, Rule } from './rules.ts';
import { cweOf } from './weakness.ts';

/** A driver, an extension, or a taxonomy such as CWE (SARIF section 3.19). */
export class ToolComponent<T extends { readonly id: string; readonly guid: string }> {
  name = '';
  version = '';
  guid = '';
  readonly descriptors = new Descriptors<T>();

  /** Takes a member that stands beside the descriptors; false for one that it does not know. */
  read(key: string, node: JsonNode): boolean {
    switch (key) {
      case 'name':
        this.name = node.text();
        return true;
      case 'version':
        this.version = node.text();
        return true;
      case 'semanticVersion':
        this.version ||= node.text();
        return true;
      case 'guid':
        this.guid = node.text();
        return true;
      default:
        return false;
    }
  }
}

export interface Taxon {
  readonly id: string;
  readonly guid: string;
}

/** The component that a reference means; the first where it says nothing (SARIF section 3.54.2). */
export function findComponent<T extends { readonly id: string; readonly guid: string }>(
  components: readonly ToolComponent<T>[],
  { component }: Reference,
  byIndex: (index: number) => ToolComponent<T> | undefined,
): ToolComponent<T> | null {
  const { name, guid, index } = component;
  if (guid !== '') return components.find((each) => each.guid === guid) ?? null;
  if (index !== null) return byIndex(index) ?? null;
  if (name !== '') return components.find((each) => each.name === name) ?? null;
  return components[0] ?? null;
}

/** The weakness that a reference names; null where it names something else. */
export function cweOfReference(reference: Reference, taxonomies: readonly ToolComponent<Taxon>[]): string | null {
  const taxonomy = findComponent(taxonomies, reference, (index) => taxonomies[index]);
  const name = reference.component.name || (taxonomy?.name ?? '');
  if (!/^cwe\b|common weakness enumeration/i.test(name)) return null;
  const id = reference.id || (taxonomy?.descriptors.find(reference)?.id ?? '');
  return /^\d+$/.test(id) ? `CWE-${Number(id)}` : cweOf(id);
}

/** The rule of a result (SARIF section 3.27.5 to 3.27.7). */
export function findRule(reference: Reference, driver: ToolComponent<Rule>, extensions: readonly ToolComponent<Rule>[]): Rule | null {
  const component = findComponent([driver, ...extensions], reference, (index) => extensions[index]);
  const rule = component?.descriptors.find(reference) ?? null;
  if (rule !== null && (reference.id === '' || reference.id === rule.id || reference.id.startsWith(`${rule.id}/`))) return rule;
  // Tools that count their rules otherwise than SARIF does: the id is what they mean.
  const byId = { ...reference, index: null, guid: '' };
  for (const each of [driver, ...extensions]) {
    const found = each.descriptors.find(byId);
    if (found !== null) return found;
  }
  return rule;
}
