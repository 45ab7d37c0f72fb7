import { scanTypes } from '@cloudscan/domain';
import type { ScanType } from '@cloudscan/domain';
import type { EnvReader } from './env.ts';

/** A tool that writes SARIF and needs no adapter. */
export interface DeclaredScanner {
  /** As shown to users: lower-case letters, digits, dots and dashes. */
  readonly name: string;
  readonly type: ScanType;
  /** The program, by its name on PATH or by its absolute path, and what always stands before its arguments. */
  readonly command: readonly string[];
  /** `{source}` stands for the folder of the source and `{results}` for the file to write; without `{results}` standard output is read. */
  readonly args: readonly string[];
  /** The container image that holds the program; null where it is installed beside the runner. */
  readonly image: string | null;
  readonly exitCodes: {
    /** By which the tool says that it has found something; 0 is never a failure. */
    readonly findings: readonly number[];
  };
  /** Null for the time that the scan has. */
  readonly timeoutSeconds: number | null;
  /** Mebibytes for the tool's processes together. */
  readonly memoryMb: number;
  /** Arguments that make the program print its version; null takes the version from the log. */
  readonly versionArgs: readonly string[] | null;
}

const variable = 'DECLARED_SCANNERS';
const defaultMemoryMb = 2048;

type Fields = Readonly<Record<string, unknown>>;

/**
 * `DECLARED_SCANNERS`, a JSON array of `{ name, type, command, args, image?, exitCodes?: { findings }, timeoutSeconds?, memoryMb?,
 * versionArgs? }`; none by default.
 */
export function readDeclaredScanners(env: EnvReader): readonly DeclaredScanner[] {
  const text = env.optional(variable);
  if (text === undefined) return [];
  const entries = parse(text);
  if (!Array.isArray(entries)) {
    env.problem(variable, 'is not a JSON array', '[{"name":"…","type":"sast","command":["…"],"args":["…","{source}"]}]');
    return [];
  }
  const scanners = entries.map((entry, index) => new EntryReader(env, `${variable}[${index}]`, entry).read());
  for (const [index, { name }] of scanners.entries()) {
    if (scanners.findIndex((other) => other.name === name) < index)
      env.problem(`${variable}[${index}].name`, `is ${name} again`, 'a name of its own');
  }
  return scanners;
}

/** Reads one entry, and names each of its fields that is wrong. */
class EntryReader {
  readonly #env: EnvReader;
  readonly #path: string;
  readonly #fields: Fields;

  constructor(env: EnvReader, path: string, entry: unknown) {
    this.#env = env;
    this.#path = path;
    if (!isObject(entry)) env.problem(path, `is ${show(entry)}`, 'an object');
    this.#fields = isObject(entry) ? entry : {};
  }

  read(): DeclaredScanner {
    const scanner: DeclaredScanner = {
      name: this.#name(),
      type: this.#type(),
      command: this.#texts('command', 1),
      args: this.#texts('args', 0),
      image: this.#optional('image', null, isText, 'the reference of a container image'),
      exitCodes: { findings: this.#findingsExitCodes() },
      timeoutSeconds: this.#optional('timeoutSeconds', null, isWithin(1, 86_400), 'a whole number of seconds from 1 to 86400'),
      memoryMb: this.#optional('memoryMb', defaultMemoryMb, isWithin(64, 1024 * 1024), 'a whole number of mebibytes from 64 to 1048576'),
      versionArgs: this.#optional('versionArgs', null, isTexts, 'a list of texts'),
    };
    const unknown = Object.keys(this.#fields).filter((key) => !(key in scanner));
    for (const key of unknown)
      this.#problem(key, 'is no field of a declared scanner', `nothing; the fields are ${Object.keys(scanner).join(', ')}`);
    return scanner;
  }

  #name(): string {
    const { name } = this.#fields;
    if (typeof name === 'string' && /^[a-z0-9][a-z0-9.-]{0,62}$/.test(name) && name !== 'builtin' && !name.startsWith('cloudscan-'))
      return name;
    this.#problem('name', `is ${show(name)}`, 'a name of lower-case letters, digits, dots and dashes that is not one of CloudScan');
    return '';
  }

  #type(): ScanType {
    const type = scanTypes.find((candidate) => candidate === this.#fields.type);
    if (type === undefined) this.#problem('type', `is ${show(this.#fields.type)}`, `one of ${scanTypes.join(', ')}`);
    return type ?? 'sast';
  }

  #texts(key: 'command' | 'args', least: number): readonly string[] {
    const value = this.#fields[key];
    if (isTexts(value) && value.length >= least && value[0] !== '') return value;
    this.#problem(key, `is ${show(value)}`, least === 0 ? 'a list of texts' : 'a list of texts that begins with the program');
    return [];
  }

  #findingsExitCodes(): readonly number[] {
    const { exitCodes } = this.#fields;
    if (exitCodes === undefined) return [];
    const codes = isObject(exitCodes) && Object.keys(exitCodes).join() === 'findings' ? exitCodes.findings : undefined;
    if (Array.isArray(codes) && codes.every(isWithin(1, 255))) return codes;
    this.#problem('exitCodes', `is ${show(exitCodes)}`, '{"findings":[…]} with exit codes from 1 to 255');
    return [];
  }

  #optional<T, F>(key: string, fallback: F, isValid: (value: unknown) => value is T, want: string): T | F {
    const value = this.#fields[key];
    if (value === undefined) return fallback;
    if (isValid(value)) return value;
    this.#problem(key, `is ${show(value)}`, want);
    return fallback;
  }

  #problem(key: string, got: string, want: string): void {
    this.#env.problem(`${this.#path}.${key}`, got, want);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isWithin(min: number, max: number): (value: unknown) => value is number {
  return (value): value is number => Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
