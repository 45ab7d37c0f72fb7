import type { Labels } from './object.ts';
import { plainError } from './status.ts';

interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent';
  readonly values: readonly string[];
}

/** What a list or a watch is narrowed to. */
export interface Selection {
  readonly labels: readonly Requirement[];
  readonly fields: readonly Requirement[];
}

export const everything: Selection = { labels: [], fields: [] };

/** Selects the objects with all of these labels. */
export function withLabels(labels: Labels): Selection {
  return { labels: exactly(labels), fields: [] };
}

/** Selects the objects whose fields have these values. */
export function withFields(fields: Labels): Selection {
  return { labels: [], fields: exactly(fields) };
}

function exactly(values: Labels): readonly Requirement[] {
  return Object.entries(values).map(([key, value]) => ({ key, operator: 'in', values: [value] }));
}

/** @param fieldNames the fields that the resource can be selected by */
export function parseSelection(labelSelector: string, fieldSelector: string, fieldNames: readonly string[]): Selection {
  const fields = parseFieldSelector(fieldSelector);
  const unknown = fields.find(({ key }) => !fieldNames.includes(key));
  if (unknown !== undefined) throw plainError(400, `field label not supported: ${unknown.key}`);
  return { labels: parseLabelSelector(labelSelector), fields };
}

export function isEverything({ labels, fields }: Selection): boolean {
  return labels.length === 0 && fields.length === 0;
}

export function matches(selection: Selection, labels: Labels, fields: Labels): boolean {
  return (
    selection.labels.every((requirement) => holds(requirement, labels)) &&
    selection.fields.every((requirement) => holds(requirement, fields))
  );
}

/** The one value that the selection allows for a label or field, if it allows just one. */
export function onlyValue(requirements: readonly Requirement[], key: string): string | undefined {
  return requirements.find((requirement) => requirement.key === key && requirement.operator === 'in' && requirement.values.length === 1)
    ?.values[0];
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
  }
}

const labelKey = String.raw`[A-Za-z0-9]([\w./-]*[A-Za-z0-9])?`;
const labelValue = String.raw`([A-Za-z0-9]([\w.-]*[A-Za-z0-9])?)?`;
const setBased = new RegExp(String.raw`^(${labelKey})\s+(in|notin)\s*\(([^()]*)\)$`);
const equality = new RegExp(String.raw`^(${labelKey})\s*(==|=|!=)\s*(${labelValue})$`);
const existence = new RegExp(`^(!?)\\s*(${labelKey})$`);

function parseLabelSelector(text: string): readonly Requirement[] {
  return splitRequirements(text).map((part) => {
    const bySet = setBased.exec(part);
    if (bySet !== null) {
      return { key: bySet[1]!, operator: bySet[3] as 'in' | 'notin', values: bySet[4]!.split(',').map((value) => value.trim()) };
    }
    const byValue = equality.exec(part);
    if (byValue !== null) return { key: byValue[1]!, operator: byValue[3] === '!=' ? 'notin' : 'in', values: [byValue[4]!] };
    const byKey = existence.exec(part);
    if (byKey !== null) return { key: byKey[2]!, operator: byKey[1] === '!' ? 'absent' : 'exists', values: [] };
    throw plainError(400, `unable to parse requirement: ${part}`);
  });
}

function parseFieldSelector(text: string): readonly Requirement[] {
  return splitRequirements(text).map((part) => {
    const [, key, operator, value] = /^([\w.]+)(==|=|!=)(.*)$/.exec(part) ?? [];
    if (key === undefined) throw plainError(400, `invalid selector: '${text}'; can't understand '${part}'`);
    return { key, operator: operator === '!=' ? 'notin' : 'in', values: [value!] };
  });
}

/** Splits at the commas outside parentheses. */
function splitRequirements(text: string): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
