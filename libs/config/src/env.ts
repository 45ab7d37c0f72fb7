import { Secret } from './secret.ts';

/** A variable that is missing or malformed. The process prints the message and exits before anything has started. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads typed values from an environment and gathers every problem, so that one run shows them all.
 * An empty value counts as absent. Call {@link EnvReader.finish} once everything was read.
 */
export class EnvReader {
  readonly #env: Environment;
  readonly #problems: string[] = [];

  constructor(env: Environment) {
    this.#env = env;
  }

  /** Undefined when absent or empty. */
  optional(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === '' ? undefined : value;
  }

  string(name: string, fallback: string): string {
    return this.optional(name) ?? fallback;
  }

  required(name: string, want: string): string {
    const value = this.optional(name);
    if (value === undefined) this.#problem(name, 'is not set', want);
    return value ?? '';
  }

  secret(name: string, fallback = ''): Secret {
    return new Secret(this.optional(name) ?? fallback);
  }

  integer(name: string, fallback: number, bounds: { readonly min: number; readonly max: number }): number {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < bounds.min || value > bounds.max) {
      this.#problem(name, `is ${quote(text)}`, `a whole number from ${bounds.min} to ${bounds.max}`);
      return fallback;
    }
    return value;
  }

  /** 0 asks the system for a free port. */
  port(name: string, fallback: number): number {
    return this.integer(name, fallback, { min: 0, max: 65_535 });
  }

  boolean(name: string, fallback: boolean): boolean {
    const text = this.optional(name)?.toLowerCase();
    if (text === undefined) return fallback;
    if (['true', '1', 'yes', 'on'].includes(text)) return true;
    if (['false', '0', 'no', 'off'].includes(text)) return false;
    this.#problem(name, `is ${quote(text)}`, 'true or false');
    return fallback;
  }

  oneOf<const T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) this.#problem(name, `is ${quote(text)}`, `one of ${values.join(', ')}`);
    return value ?? fallback;
  }

  list<const T extends string>(name: string, values: readonly T[], fallback: readonly T[]): readonly T[] {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const parts = text.split(',').map((part) => part.trim());
    const wrong = parts.find((part) => !(values as readonly string[]).includes(part));
    if (wrong !== undefined) this.#problem(name, `holds ${quote(wrong)}`, `a comma-separated list of ${values.join(', ')}`);
    return values.filter((value) => parts.includes(value));
  }

  url(name: string, fallback: string, protocols: readonly string[]): string {
    const text = this.optional(name) ?? fallback;
    if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
      this.#problem(name, `is ${quote(text)}`, `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);
    }
    return text;
  }

  /** Records a problem that a reader of several variables found. */
  problem(name: string, got: string, want: string): void {
    this.#problem(name, got, want);
  }

  /** @throws ConfigError naming every variable that was wrong */
  finish(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  #problem(name: string, got: string, want: string): void {
    this.#problems.push(`${name} ${got}; set it to ${want}`);
  }
}

/**
 * Runs a reader and finishes it.
 *
 * @throws ConfigError
 */
export function readConfig<T>(env: Environment, read: (reader: EnvReader) => T): T {
  const reader = new EnvReader(env);
  const config = read(reader);
  reader.finish();
  return config;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
