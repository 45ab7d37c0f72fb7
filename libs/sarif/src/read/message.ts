import type { JsonNode } from './json-node.ts';

/** Message strings by their id (SARIF section 3.49.11 and 3.19.22). */
export type MessageStrings = ReadonlyMap<string, string>;

/** As a person reads it (SARIF section 3.11): placeholders filled in, doubled braces single, links to locations as their text. */
export function readMessage(message: JsonNode, ...strings: readonly MessageStrings[]): string {
  const text = message.at('text').text() || byId(message.at('id').text(), strings);
  if (text === '') return message.at('markdown').text();
  const given = message
    .at('arguments')
    .items()
    .map((argument) => argument.text());
  return withoutLinks(withArguments(text, given));
}

/** A result without a message says nothing (SARIF section 3.27.11). */
export function readRequiredMessage(message: JsonNode, ...strings: readonly MessageStrings[]): string {
  const text = readMessage(message, ...strings);
  if (text === '') message.fail(message.isThere ? 'has neither text nor markdown nor the id of a message string' : 'is missing');
  return text;
}

/** `text` of a multiformat message string (SARIF section 3.12), without its doubled braces. */
export function readMultiformat(node: JsonNode): string {
  return withArguments(node.at('text').text() || node.at('markdown').text(), []);
}

export function readMessageStrings(node: JsonNode): MessageStrings {
  return new Map(node.members().map(([id, string]) => [id, string.at('text').text() || string.at('markdown').text()]));
}

function byId(id: string, strings: readonly MessageStrings[]): string {
  return id === '' ? '' : (strings.map((of) => of.get(id)).find((text) => text !== undefined) ?? '');
}

/** A placeholder without its argument stays as it is. */
function withArguments(text: string, given: readonly string[]): string {
  if (!text.includes('{') && !text.includes('}')) return text;
  return text.replace(/\{\{|\}\}|\{(\d+)\}/g, (found, index: string | undefined) =>
    index === undefined ? found[0]! : (given[Number(index)] ?? found),
  );
}

/** `[value](1)` is a link to the related location of that id (SARIF section 3.11.6). */
function withoutLinks(text: string): string {
  return text.includes('](')
    ? text.replace(/\[((?:[^[\]\\]|\\.)*)\]\(\d+\)/g, (_found, words: string) => words.replace(/\\(.)/g, '$1'))
    : text;
}
