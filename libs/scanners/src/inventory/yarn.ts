import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent } from './dependency.ts';
import { parseYaml, yamlMap, yamlText } from './parse.ts';

/**
 * yarn.lock of Yarn 1 (a format of its own) and of Yarn 2 and later (YAML with `__metadata`).
 *
 * @throws LockFileError
 */
export function readYarnLock(text: string): LockFileContent {
  return { entries: /^__metadata:/m.test(text) ? readBerry(text) : readClassic(text), warnings: [] };
}

function readBerry(text: string): DependencyEntry[] {
  const [document] = parseYaml(text);
  const blocks = [...yamlMap(document)].map(([key, { value, line }]) => ({ key, line, block: yamlMap(value) }));
  const direct = new Set<string>();
  for (const { key, block } of blocks) {
    if (!key.includes('@workspace:')) continue;
    for (const [name, { value }] of yamlMap(block.get('dependencies')?.value))
      direct.add(`${name}@${yamlText(value).replace(/^npm:/, '')}`);
  }
  const entries: DependencyEntry[] = [];
  for (const { key, block, line } of blocks) {
    // `name@npm:1.2.3`, or for a patched package `name@patch:name@npm%3A1.2.3#…`: the version is that of the original.
    const resolution = /^((?:@[^/@]+\/)?[^/@]+)@(npm|patch|https?|git|ssh)/.exec(yamlText(block.get('resolution')?.value));
    const version = yamlText(block.get('version')?.value);
    if (resolution === null || !/^\d/.test(version)) continue;
    const isDirect = key.split(/,\s*/).some((descriptor) => direct.has(descriptor.replace('@npm:', '@')));
    entries.push(dependencyEntry({ ecosystem: 'npm', name: resolution[1]!, version, line }, { direct: isDirect }));
  }
  return entries;
}

function readClassic(text: string): DependencyEntry[] {
  const entries: DependencyEntry[] = [];
  let open: { readonly name: string; readonly line: number } | null = null;
  let sawBlock = false;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    if (!line.startsWith(' ')) {
      const name = line.endsWith(':') ? descriptorName(line) : null;
      if (name === null) throw new LockFileError(`is not a Yarn lock file: line ${index + 1} cannot be read`);
      open = { name, line: index + 1 };
      sawBlock = true;
      continue;
    }
    const version = /^ {2}version:? "?([^"\s]+)"?$/.exec(line);
    if (version === null || open === null) continue;
    entries.push(dependencyEntry({ ecosystem: 'npm', name: open.name, version: version[1]!, line: open.line }));
    open = null;
  }
  if (!sawBlock && !text.includes('yarn lockfile v1') && text.trim() !== '')
    throw new LockFileError('is not a Yarn lock file: it has no entries');
  return entries;
}

/** `"@scope/a@^1.0.0", "@scope/a@^1.1.0":` gives `@scope/a`; `alias@npm:real@^1.0.0` gives `real`. */
function descriptorName(line: string): string | null {
  const descriptor = /^"?([^",]+?)"?(?:,.*)?:$/.exec(line)?.[1];
  const match = /^((?:@[^/@\s]+\/)?[^/@\s]+)@(?:npm:((?:@[^/@\s]+\/)?[^/@\s]+)@)?/.exec(descriptor ?? '');
  return match === null ? null : (match[2] ?? match[1]!);
}
