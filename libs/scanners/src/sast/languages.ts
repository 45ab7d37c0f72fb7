import go from '@ast-grep/lang-go';
import java from '@ast-grep/lang-java';
import python from '@ast-grep/lang-python';
import { Lang, registerDynamicLanguage } from '@ast-grep/napi';
import type { RuleLanguage } from './rule.ts';

registerDynamicLanguage({ python, java, go });

/** A grammar of ast-grep and the rules that run on it. */
export interface Dialect {
  readonly grammar: Lang | 'python' | 'java' | 'go';
  readonly language: RuleLanguage;
}

const javascriptDialect: Dialect = { grammar: Lang.JavaScript, language: 'javascript' };
const typescriptDialect: Dialect = { grammar: Lang.TypeScript, language: 'javascript' };

const dialectsByExtension: ReadonlyMap<string, Dialect> = new Map([
  ...['js', 'mjs', 'cjs', 'jsx'].map((extension) => [extension, javascriptDialect] as const),
  ...['ts', 'mts', 'cts'].map((extension) => [extension, typescriptDialect] as const),
  ['tsx', { grammar: Lang.Tsx, language: 'javascript' }],
  ['py', { grammar: 'python', language: 'python' }],
  ['java', { grammar: 'java', language: 'java' }],
  ['go', { grammar: 'go', language: 'go' }],
]);

export const dialects: readonly Dialect[] = [...new Set(dialectsByExtension.values())];

/** Null for a file in a language that no rule knows. */
export function dialectOf(fileName: string): Dialect | null {
  return dialectsByExtension.get(fileName.slice(fileName.lastIndexOf('.') + 1).toLowerCase()) ?? null;
}
