export { JsonStreamError } from './json-stream-error.ts';
export type { JsonFault } from './json-stream-error.ts';
export { formatPath } from './path.ts';
export type { JsonPath } from './path.ts';
export { readJsonItems } from './read-json-items.ts';
export type { JsonItem, JsonItemsOptions } from './read-json-items.ts';
