/** Where a value stands in a document: keys of objects and 0-based indexes of arrays, from the root. */
export type JsonPath = readonly (string | number)[];

/** For example `$.runs[0].results[3].level`; keys that are no names are quoted: `$.headers["content-type"]`. */
export function formatPath(path: JsonPath): string {
  return `$${path.map(formatStep).join('')}`;
}

function formatStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}
