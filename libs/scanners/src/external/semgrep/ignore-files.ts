import { posix as path } from 'node:path';
import { readSourceText, walkSource } from '../../source/walk-source.ts';

const maxFileBytes = 1024 * 1024;

/**
 * Semgrep reads the file that an `:include` in a `.semgrepignore` names, wherever it lies. Answers the first one that lies outside of the
 * source, as a path relative to it; null when there is none. https://semgrep.dev/docs/ignoring-files-folders-code
 */
export async function escapingInclude(sourceDir: string): Promise<string | null> {
  const ignoreFiles = walkSource(sourceDir, {
    maxFileBytes: Number.POSITIVE_INFINITY,
    ignoredFolders: new Set(),
    wants: (_path, name) => name === '.semgrepignore',
  });
  for await (const file of ignoreFiles) {
    const text = file.size > maxFileBytes ? null : await readSourceText(file);
    // What is not read here is not vouched for.
    if (text === null) return file.path;
    for (const [, included] of text.matchAll(/^[ \t]*:include[ \t]+(.*?)[ \t]*\r?$/gm)) {
      const target = path.join(path.dirname(file.path), included!);
      if (path.isAbsolute(included!) || target === '..' || target.startsWith('../')) return file.path;
    }
  }
  return null;
}
