import path from 'node:path/posix';
import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent, LockFileContext } from './dependency.ts';

/** From this version on go.mod lists every module of the build (https://go.dev/ref/mod#graph-pruning). */
const firstCompleteGoMod = 17;

interface Module {
  readonly version: string;
  readonly line: number;
  readonly direct: boolean;
}

interface GoMod {
  readonly modules: Map<string, Module>;
  /** By module, or by `module@version`; a null version is a folder of the repository. */
  readonly replacements: Map<string, { readonly name: string; readonly version: string | null }>;
  goVersion: { readonly version: string; readonly line: number } | null;
  toolchain: { readonly version: string; readonly line: number } | null;
}

/**
 * go.mod (https://go.dev/ref/mod#go-mod-file), completed from go.sum where the file is of before Go 1.17 and so names
 * direct dependencies only; go.sum may hold several versions of a module, of which the highest is built.
 *
 * The standard library is the package `stdlib`, at the version of `toolchain`, or of `go` where that names a release
 * (`1.21.3`): `go 1.20` is a version of the language and tells nothing about what builds.
 *
 * @throws LockFileError
 */
export async function readGoMod(text: string, context: LockFileContext): Promise<LockFileContent> {
  const goMod = parseGoMod(text);
  const entries: DependencyEntry[] = [];
  for (const [name, { version, line, direct }] of goMod.modules) {
    const replacement = goMod.replacements.get(`${name}@${version}`) ?? goMod.replacements.get(name);
    if (replacement?.version === null) continue;
    entries.push(
      dependencyEntry(
        { ecosystem: 'Go', name: replacement?.name ?? name, version: trimV(replacement?.version ?? version), line },
        { direct },
      ),
    );
  }
  const standardLibrary = goMod.toolchain ?? (/^\d+\.\d+\.\d+/.test(goMod.goVersion?.version ?? '') ? goMod.goVersion : null);
  if (standardLibrary !== null) {
    entries.push(
      dependencyEntry({ ecosystem: 'Go', name: 'stdlib', version: standardLibrary.version, line: standardLibrary.line }, { direct: true }),
    );
  }
  if (languageMinor(goMod.goVersion?.version) >= firstCompleteGoMod) return { entries, warnings: [] };
  const sum = await context.readSibling(path.join(path.dirname(context.filePath), 'go.sum'));
  if (sum === null) return { entries, warnings: [] };
  return { entries: [...entries, ...indirectFromSum(sum, goMod)], warnings: [] };
}

function parseGoMod(text: string): GoMod {
  const goMod: GoMod = { modules: new Map(), replacements: new Map(), goVersion: null, toolchain: null };
  let block = '';
  let sawModule = false;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const [code = '', comment = ''] = raw.split('//', 2);
    const words = code
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '');
    if (words.length === 0) continue;
    if (block !== '' && words[0] === ')') {
      block = '';
      continue;
    }
    if (block === '' && words[1] === '(') {
      block = words[0]!;
      continue;
    }
    const [directive, ...rest] = block === '' ? words.map(unquote) : [block, ...words.map(unquote)];
    sawModule ||= directive === 'module';
    readDirective(goMod, { directive: directive!, words: rest, line: index + 1, indirect: /^\s*indirect\b/.test(comment) });
  }
  if (!sawModule) throw new LockFileError('is not a go.mod file: it has no "module" line');
  return goMod;
}

function readDirective(
  goMod: GoMod,
  { directive, words, line, indirect }: { directive: string; words: string[]; line: number; indirect: boolean },
): void {
  const [first = '', second = ''] = words;
  switch (directive) {
    case 'go':
      goMod.goVersion = { version: first, line };
      return;
    case 'toolchain':
      // `go1.22.1-custom` is built from 1.22.1.
      if (/^go\d/.test(first)) goMod.toolchain = { version: first.slice(2).replace(/-.*$/, ''), line };
      return;
    case 'require':
      if (second.startsWith('v')) goMod.modules.set(first, { version: second, line, direct: !indirect });
      return;
    case 'replace': {
      const arrow = words.indexOf('=>');
      const name = words[arrow + 1];
      if (arrow < 1 || name === undefined) return;
      const replaced = arrow === 2 ? `${first}@${second}` : first;
      goMod.replacements.set(replaced, { name, version: words[arrow + 2] ?? null });
    }
  }
}

function indirectFromSum(sum: string, goMod: GoMod): DependencyEntry[] {
  const newest = new Map<string, string>();
  for (const line of sum.split('\n')) {
    const match = /^(\S+) (v\S+) h1:/.exec(line);
    if (match === null || match[2]!.endsWith('/go.mod') || goMod.modules.has(match[1]!) || goMod.replacements.has(match[1]!)) continue;
    // go.sum is sorted by module and version, so the last version is the highest.
    newest.set(match[1]!, match[2]!);
  }
  const line = goMod.goVersion?.line ?? 1;
  return [...newest].map(([name, version]) => dependencyEntry({ ecosystem: 'Go', name, version: trimV(version), line }, { direct: false }));
}

function languageMinor(version: string | undefined): number {
  const match = /^(\d+)\.(\d+)/.exec(version ?? '');
  if (match === null) return 0;
  return Number(match[1]) > 1 ? Infinity : Number(match[2]);
}

function trimV(version: string): string {
  return version.replace(/^v/, '');
}

function unquote(word: string): string {
  return word.replace(/^(["`])(.*)\1$/, '$2');
}
