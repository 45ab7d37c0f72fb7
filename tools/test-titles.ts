import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** How ava divides the parts of a file's path, and the title from them; it leaves `.test.ts` out, and the path of a lone file. */
const divider = ' › ';

/** The test files of titles as a run of many files shows them; a title that belongs to no file is left out. */
export function testFilesOf(titles: readonly string[], root: string): readonly string[] {
  return [...new Set(titles.flatMap((title) => fileOf(title, root) ?? []))];
}

function fileOf(title: string, root: string): string | null {
  const parts = title.split(divider);
  for (let count = parts.length - 1; count > 0; count -= 1) {
    const file = `${parts.slice(0, count).join('/')}.test.ts`;
    if (existsSync(join(root, file))) return file;
  }
  return null;
}

/** Whether a title of a run of many files is one that a run of some of them shows, without the path that those have in common. */
export function isSameTest(title: string, shown: string): boolean {
  return title === shown || title.endsWith(`${divider}${shown}`);
}
