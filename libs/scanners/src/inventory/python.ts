import path from 'node:path/posix';
import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent } from './dependency.ts';
import { linesOfJson, pathSeparator } from './json-lines.ts';
import { parseJson } from './parse.ts';
import { asRecord, asText, field, fields } from './untrusted.ts';

/**
 * A pip requirements file (https://pip.pypa.io/en/stable/reference/requirements-file-format/). Only a requirement
 * pinned by `==` or `===` names a version; how many do not is a warning. Files named by `-r` are not followed here:
 * {@link includedRequirements} names them.
 */
export function readRequirements(text: string): LockFileContent {
  const entries: DependencyEntry[] = [];
  let unpinned = 0;
  for (const { line, content } of logicalLines(text)) {
    if (content.startsWith('-')) continue;
    const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)$/s.exec(content);
    if (match === null) continue;
    const specifier = match[2]!
      .replace(/\s--.*$/s, '')
      .replace(/;.*$/s, '')
      .replace(/^\(|\)$/g, '')
      .trim();
    const version = /^={2,3}\s*([^\s,*]+)$/.exec(specifier)?.[1];
    if (version === undefined) unpinned += 1;
    else entries.push(dependencyEntry({ ecosystem: 'PyPI', name: match[1]!, version, line }));
  }
  const warnings =
    unpinned === 0 ? [] : [`${unpinned} requirement${unpinned === 1 ? ' is' : 's are'} not pinned by == and cannot be checked`];
  return { entries, warnings };
}

/** The files that `-r` and `--requirement` name, as paths from the source's root; one that leads out of it begins with `../`. */
export function includedRequirements(text: string, filePath: string): string[] {
  const included: string[] = [];
  for (const { content } of logicalLines(text)) {
    const target = /^(?:-r|--requirement)(?:\s+|=|(?<=-r))(\S+)/.exec(content)?.[1];
    if (target !== undefined) included.push(path.join(path.dirname(filePath), target));
  }
  return included;
}

/** Lines with continuations joined and comments dropped; the number is that of the first. */
function* logicalLines(text: string): Generator<{ readonly line: number; readonly content: string }> {
  let parts: string[] = [];
  let start = 1;
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (parts.length === 0) start = index + 1;
    const continued = raw.endsWith('\\') && !/^\s*#/.test(raw);
    parts.push(continued ? raw.slice(0, -1) : raw.replace(/(^|\s)#.*$/, ''));
    if (continued) continue;
    const content = parts.join(' ').trim();
    parts = [];
    if (content !== '') yield { line: start, content };
  }
  const rest = parts.join(' ').trim();
  if (rest !== '') yield { line: start, content: rest };
}

/**
 * Pipfile.lock.
 *
 * @throws LockFileError
 */
export function readPipfileLock(text: string): LockFileContent {
  const lock = parseJson(text);
  if (asRecord(field(lock, '_meta')) === null) throw new LockFileError('is not a Pipfile.lock: it has no "_meta"');
  const lines = linesOfJson(text, 2);
  const entries: DependencyEntry[] = [];
  for (const section of ['default', 'develop']) {
    for (const [name, entry] of fields(field(lock, section))) {
      const version = /^={2,3}(.+)$/.exec(asText(field(entry, 'version')))?.[1];
      if (version === undefined) continue;
      const line = lines.get(`${section}${pathSeparator}${name}`) ?? 1;
      entries.push(dependencyEntry({ ecosystem: 'PyPI', name, version, line }, { dev: section === 'develop' }));
    }
  }
  return { entries, warnings: [] };
}
