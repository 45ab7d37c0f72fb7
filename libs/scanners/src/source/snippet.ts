const maxLines = 8;
const maxLineLength = 200;

/**
 * The lines from `startLine` to `endLine` (1-based, inclusive), at most 8 of at most 200 characters, without their common indentation;
 * what is cut shows as `…`.
 */
export function snippetOf(lines: readonly string[], startLine: number, endLine: number): string {
  const last = Math.min(endLine, startLine + maxLines - 1);
  const shown = lines.slice(startLine - 1, last).map((line) => line.replaceAll('\t', '  ').trimEnd());
  const indents = shown.filter((line) => line !== '').map((line) => line.length - line.trimStart().length);
  const indent = indents.length === 0 ? 0 : Math.min(...indents);
  const cut = shown
    .map((line) => line.slice(indent))
    .map((line) => (line.length > maxLineLength ? `${line.slice(0, maxLineLength)}…` : line));
  return (last < endLine ? [...cut, '…'] : cut).join('\n');
}
