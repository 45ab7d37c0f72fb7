import type { Severity } from '@cloudscan/domain';
import type { Rule as AstRule } from '@ast-grep/napi';

/** `javascript` covers JavaScript, TypeScript and JSX. */
export const ruleLanguages = ['javascript', 'python', 'java', 'go'] as const;
export type RuleLanguage = (typeof ruleLanguages)[number];

/** The OWASP Top Ten of 2021, https://owasp.org/Top10/. */
export const owaspCategories = {
  A01: 'Broken Access Control',
  A02: 'Cryptographic Failures',
  A03: 'Injection',
  A04: 'Insecure Design',
  A05: 'Security Misconfiguration',
  A06: 'Vulnerable and Outdated Components',
  A07: 'Identification and Authentication Failures',
  A08: 'Software and Data Integrity Failures',
  A09: 'Security Logging and Monitoring Failures',
  A10: 'Server-Side Request Forgery',
} as const;
export type OwaspCategory = keyof typeof owaspCategories;

/**
 * What the suspicious expression of a match must be, as far as its own function and the constants of its file tell:
 * - `dynamic`: not a constant
 * - `built`: put together from text and something dynamic, by concatenation, interpolation or formatting
 * - `request`: taken from a request, with nothing on the way that makes it harmless
 */
export type InputTrait = 'dynamic' | 'built' | 'request';

export interface RuleInput {
  /**
   * Where the expression stands in the match: a positional argument of a call (0-based), any of them, a keyword argument, a field of the grammar
   * (`left.index`: a field of a field), or the first child.
   */
  readonly at: { readonly argument: number | 'any' } | { readonly keyword: string } | { readonly field: string } | 'child';
  /** Any of them is enough. */
  readonly is: readonly InputTrait[];
  /** Must match the constant text in the expression. */
  readonly text?: RegExp;
  /** Where the match also fits this, only what comes from a request counts: a statement with parameters of its own, for example. */
  readonly requestOnlyIf?: AstRule;
  /** Calls whose result is harmless here, matched against the callee. */
  readonly cleansers?: RegExp;
}

/** What rules of several languages look for. */
export interface Weakness {
  /** For example `CWE-89`. */
  readonly cwe: string;
  readonly owasp: OwaspCategory;
  readonly title: string;
  /** Why this is a problem, in the words of what an attacker can do. */
  readonly message: string;
  readonly references: readonly string[];
}

/** One thing to look for. Rules are data: whoever adds one adds the code that it must and must not match beside it. */
export interface SastRule {
  /** `js-`, `py-`, `java-` or `go-` and a kebab-case name; never reused, it stands in fingerprints. */
  readonly id: string;
  readonly language: RuleLanguage;
  readonly severity: Severity;
  readonly weakness: Weakness;
  /** What to write instead. */
  readonly remediation: string;
  /** A file that holds none of these texts is not searched. */
  readonly keywords: readonly string[];
  /** An ast-grep rule, https://ast-grep.github.io/reference/rule.html. */
  readonly match: AstRule;
  readonly input?: RuleInput;
  /** Code that it must find. */
  readonly matches: readonly string[];
  /** Code alike that it must pass over. */
  readonly clean: readonly string[];
}

export function rulesFor(language: RuleLanguage, rules: readonly Omit<SastRule, 'language'>[]): readonly SastRule[] {
  return rules.map((rule) => ({ ...rule, language }));
}

/** How a match in each language is written; `callee` and the like are Rust regular expressions that must match as a whole. */
export const js = {
  call: (callee: string): AstRule => ({ kind: 'call_expression', has: { field: 'function', regex: whole(callee) } }),
  create: (constructor: string): AstRule => ({ kind: 'new_expression', has: { field: 'constructor', regex: whole(constructor) } }),
  /** A property with a value in an object literal. */
  property: (name: string, value: string): AstRule => ({
    kind: 'pair',
    all: [{ has: { field: 'key', regex: whole(`['"]?(?:${name})['"]?`) } }, { has: { field: 'value', regex: whole(value) } }],
  }),
  /** An object literal holds it anywhere. */
  holding: (property: AstRule): AstRule => ({ has: { ...property, stopBy: 'end' } }),
};

export const python = {
  call: (callee: string): AstRule => ({ kind: 'call', has: { field: 'function', regex: whole(callee) } }),
  /** A call with a keyword argument of that value. */
  withKeyword: (name: string, value: string): AstRule => ({
    has: {
      field: 'arguments',
      has: {
        kind: 'keyword_argument',
        all: [{ has: { field: 'name', regex: whole(name) } }, { has: { field: 'value', regex: whole(value) } }],
      },
    },
  }),
  anyKeyword: (name: string): AstRule => ({
    has: { field: 'arguments', has: { kind: 'keyword_argument', has: { field: 'name', regex: whole(name) } } },
  }),
};

export const java = {
  call: (method: string): AstRule => ({ kind: 'method_invocation', has: { field: 'name', regex: whole(method) } }),
  callOn: (object: string, method: string): AstRule => ({
    kind: 'method_invocation',
    all: [{ has: { field: 'object', regex: whole(object) } }, { has: { field: 'name', regex: whole(method) } }],
  }),
  create: (type: string): AstRule => ({ kind: 'object_creation_expression', has: { field: 'type', regex: whole(type) } }),
};

export const go = {
  call: (callee: string): AstRule => ({ kind: 'call_expression', has: { field: 'function', regex: whole(callee) } }),
  /** A field with a value in a composite literal. */
  field: (name: string, value: string): AstRule => ({
    kind: 'keyed_element',
    all: [{ has: { nthChild: 1, regex: whole(name) } }, { has: { nthChild: 2, regex: whole(value) } }],
  }),
};

/** An argument at any place of a call whose text matches. */
export function withArgument(text: string): AstRule {
  return { has: { field: 'arguments', has: { regex: whole(text) } } };
}

function whole(pattern: string): string {
  return `(?s)^(?:${pattern})$`;
}
