/** The ecosystems as OSV names them (https://ossf.github.io/osv-schema/#defined-ecosystems). */
export const ecosystems = ['npm', 'PyPI', 'Go', 'Maven', 'crates.io', 'Packagist', 'RubyGems', 'NuGet'] as const;
export type Ecosystem = (typeof ecosystems)[number];

/** One package at one version, as a lock file names it. */
export interface Dependency {
  readonly ecosystem: Ecosystem;
  /** As the ecosystem writes it; `group:artifact` for Maven, `stdlib` for Go's standard library. */
  readonly name: string;
  readonly version: string;
  /** The lock file: relative to the source's root, forward slashes. */
  readonly filePath: string;
  /** 1-based: where the package stands in the lock file. */
  readonly line: number;
  /** Null when the lock file does not tell. */
  readonly direct: boolean | null;
  /** True when only development or tests need it; null when the lock file does not tell. */
  readonly dev: boolean | null;
  /** An SPDX expression or whatever the lock file holds; empty when it holds none. */
  readonly license: string;
}

/** What a reader gives for one package: the file path is added by whoever called it. */
export type DependencyEntry = Omit<Dependency, 'filePath'>;

/** What one lock file holds. */
export interface LockFileContent {
  readonly entries: readonly DependencyEntry[];
  /** One sentence each, without the file's name; for example what could not be resolved. */
  readonly warnings: readonly string[];
}

/** Gives the text of another file of the tree, or null when there is none or it may not be read. */
export type ReadSibling = (relativePath: string) => Promise<string | null>;

/**
 * Reads one lock file. Pure but for `readSibling`.
 *
 * @throws LockFileError when the text is not a lock file of its kind
 */
export type LockFileReader = (text: string, context: LockFileContext) => LockFileContent | Promise<LockFileContent>;

export interface LockFileContext {
  /** The lock file's own path: relative to the source's root, forward slashes. */
  readonly filePath: string;
  readonly readSibling: ReadSibling;
}

/** A lock file that cannot be understood. The message is a sentence without the file's name. */
export class LockFileError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LockFileError';
  }
}

/** An entry with what most lock files do not tell left open. */
export function dependencyEntry(
  required: Pick<DependencyEntry, 'ecosystem' | 'name' | 'version' | 'line'>,
  known: Partial<Pick<DependencyEntry, 'direct' | 'dev' | 'license'>> = {},
): DependencyEntry {
  return { direct: null, dev: null, license: '', ...required, ...known };
}

/**
 * The name under which two spellings of one package meet: PEP 503 for PyPI, without case for NuGet and Packagist, as it is
 * elsewhere.
 */
export function normalizeName(ecosystem: Ecosystem, name: string): string {
  switch (ecosystem) {
    case 'PyPI':
      return name.toLowerCase().replace(/[-_.]+/g, '-');
    case 'NuGet':
    case 'Packagist':
      return name.toLowerCase();
    case 'npm':
    case 'Go':
    case 'Maven':
    case 'crates.io':
    case 'RubyGems':
      return name;
  }
}
