/** A step of the selectors, as a tree: what is read below it, by key or for every element. */
export interface Selection {
  readonly selected: boolean;
  readonly keys: ReadonlyMap<string, Selection>;
  readonly elements: Selection | null;
}

interface MutableSelection {
  selected: boolean;
  readonly keys: Map<string, MutableSelection>;
  elements: MutableSelection | null;
}

/**
 * Reads selectors such as `$.version` and `$.runs[*].results[*]`.
 *
 * @throws TypeError for a selector of another form, and for one that lies within another
 */
export function parseSelectors(selectors: readonly string[]): Selection {
  const root = emptySelection();
  for (const selector of selectors) {
    let node = root;
    for (const step of stepsOf(selector)) {
      if (node.selected) throw new TypeError(`the selector ${selector} lies within another`);
      node = below(node, step);
    }
    if (node.selected || node.elements !== null || node.keys.size > 0) throw new TypeError(`the selector ${selector} holds another`);
    node.selected = true;
  }
  return root;
}

function stepsOf(selector: string): string[] {
  if (!/^\$(?:\.[^.[\]]+|\[\*\])*$/.test(selector)) throw new TypeError(`${selector} is not a selector of the form $.name[*].name`);
  return selector.slice(1).match(/\.[^.[\]]+|\[\*\]/g) ?? [];
}

function below(node: MutableSelection, step: string): MutableSelection {
  if (step === '[*]') return (node.elements ??= emptySelection());
  const key = step.slice(1);
  const known = node.keys.get(key);
  if (known !== undefined) return known;
  const added = emptySelection();
  node.keys.set(key, added);
  return added;
}

function emptySelection(): MutableSelection {
  return { selected: false, keys: new Map(), elements: null };
}
