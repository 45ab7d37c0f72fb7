import type { FindingDraft, ScanType } from '@cloudscan/domain';

/**
 * What passes between a built-in scanner's process and the one that started it. The request is one JSON document on
 * standard input (so that a key in it shows neither in the process list nor in the environment); the answer is one JSON
 * document a line on standard output, the last of them a {@link ResultMessage}. Standard error is for diagnostics only.
 */
export interface BuiltinRequest {
  readonly options: unknown;
  /** Null asks for the rules' version only. */
  readonly scan: { readonly sourceDir: string; readonly workDir: string } | null;
}

/** A finding as a scan function gives it: what is left out is empty or 0, and the harness adds type, tool and version. */
export type BuiltinFinding = Pick<FindingDraft, 'ruleId' | 'severity' | 'title' | 'description' | 'filePath' | 'fingerprint'> &
  Partial<Omit<FindingDraft, 'scanType' | 'toolName' | 'toolVersion'>>;

export interface ResultMessage {
  readonly type: 'result';
  readonly status: 'succeeded' | 'skipped' | 'failed';
  /** One sentence; empty when nothing went wrong. */
  readonly message: string;
  /** How many finding lines came before. */
  readonly findings: number;
}

export type BuiltinMessage =
  | { readonly type: 'version'; readonly rulesVersion: string }
  | { readonly type: 'progress'; readonly fraction: number }
  | { readonly type: 'finding'; readonly finding: BuiltinFinding }
  | ResultMessage;

/** Exit codes of a built-in scanner that ran to its end; anything else is a crash. */
export const builtinExitCodes = { done: 0, failed: 1 } as const;

/** The child wrote what the protocol does not know. */
export class ProtocolError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'ProtocolError';
  }
}

export interface ToolIdentity {
  readonly scanType: ScanType;
  readonly toolName: string;
  readonly toolVersion: string;
}

/** @throws ProtocolError for a line that is not a message */
export function parseMessage(line: string): BuiltinMessage {
  const message = parseObject(line);
  switch (message['type']) {
    case 'version':
      return { type: 'version', rulesVersion: stringField(message, 'rulesVersion') };
    case 'progress':
      return { type: 'progress', fraction: Math.min(1, Math.max(0, numberField(message, 'fraction'))) };
    case 'finding':
      // The fields are checked where the finding is completed, see completeFinding.
      return { type: 'finding', finding: objectField(message, 'finding') as unknown as BuiltinFinding };
    case 'result':
      return {
        type: 'result',
        status: oneOf(message, 'status', ['succeeded', 'skipped', 'failed']),
        message: stringField(message, 'message'),
        findings: numberField(message, 'findings'),
      };
    default:
      throw new ProtocolError(`a message of the unknown type ${JSON.stringify(message['type'])}`);
  }
}

/** @throws ProtocolError for a field of the wrong type: the child reads hostile sources, so its word is checked */
export function completeFinding(finding: BuiltinFinding, tool: ToolIdentity): FindingDraft {
  const record = finding as unknown as Record<string, unknown>;
  const text = (name: string): string => stringField(record, name, '');
  const number = (name: string): number => numberField(record, name, 0);
  const startLine = number('startLine');
  return {
    ...tool,
    ruleId: stringField(record, 'ruleId'),
    severity: oneOf(record, 'severity', ['critical', 'high', 'medium', 'low', 'info']),
    title: stringField(record, 'title'),
    description: stringField(record, 'description'),
    filePath: stringField(record, 'filePath'),
    startLine,
    endLine: Math.max(startLine, number('endLine')),
    startColumn: number('startColumn'),
    endColumn: number('endColumn'),
    codeSnippet: text('codeSnippet'),
    cveId: text('cveId'),
    cweId: text('cweId'),
    cvssScore: number('cvssScore'),
    cvssVector: text('cvssVector'),
    packageName: text('packageName'),
    packageVersion: text('packageVersion'),
    fixedVersion: text('fixedVersion'),
    license: text('license'),
    licenseCategory: text('licenseCategory'),
    remediation: text('remediation'),
    references: stringsField(record, 'references'),
    rawOutput: text('rawOutput'),
    fingerprint: stringField(record, 'fingerprint'),
  };
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ProtocolError(`a line that is not JSON: ${JSON.stringify(line.slice(0, 80))}`);
  }
  if (!isObject(value)) throw new ProtocolError('a line that is not a JSON object');
  return value;
}

function objectField(record: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = record[name];
  if (!isObject(value)) throw new ProtocolError(`${name} is not an object`);
  return value;
}

function stringField(record: Record<string, unknown>, name: string, fallback?: string): string {
  const value = record[name] ?? fallback;
  if (typeof value !== 'string') throw new ProtocolError(`${name} is not a text`);
  return value;
}

function numberField(record: Record<string, unknown>, name: string, fallback?: number): number {
  const value = record[name] ?? fallback;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new ProtocolError(`${name} is not a number`);
  return value;
}

function stringsField(record: Record<string, unknown>, name: string): readonly string[] {
  const value = record[name] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw new ProtocolError(`${name} is not a list of texts`);
  return value;
}

function oneOf<const T extends string>(record: Record<string, unknown>, name: string, values: readonly T[]): T {
  const value = values.find((candidate) => candidate === record[name]);
  if (value === undefined) throw new ProtocolError(`${name} is not one of ${values.join(', ')}`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
