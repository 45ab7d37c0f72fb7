import { parseAsync } from '@ast-grep/napi';
import type { SgNode } from '@ast-grep/napi';
import type { BuiltinFinding } from '../builtin/protocol.ts';
import { FileFingerprints } from '../source/fingerprint.ts';
import { snippetOf } from '../source/snippet.ts';
import { Suppressions } from '../source/suppressions.ts';
import { argumentsOf, Flow } from './flow.ts';
import { flowGrammars } from './flow-grammar.ts';
import type { FlowGrammar } from './flow-grammar.ts';
import type { Dialect } from './languages.ts';
import { owaspCategories } from './rule.ts';
import type { RuleInput, SastRule } from './rule.ts';

/**
 * Everything the rules find in one file, in the order of its lines. The file is parsed once, and not at all when none of the rules' keywords
 * stands in it.
 *
 * @param path relative to the source's root
 */
export async function analyse(path: string, text: string, dialect: Dialect, rules: readonly SastRule[]): Promise<BuiltinFinding[]> {
  const grammar = flowGrammars[dialect.language];
  const relevant = rules.filter((rule) => rule.language === dialect.language && mayMatch(rule, text, grammar));
  if (relevant.length === 0) return [];
  const root = (await parseAsync(dialect.grammar, text)).root();
  const flow = new Flow(root, grammar);
  const matches = matchesOf(relevant, root, flow).map((match) => ({ ...match, range: match.node.range() }));
  if (matches.length === 0) return [];
  matches.sort((a, b) => a.range.start.index - b.range.start.index);

  const lines = text.split(/\r\n|\r|\n/);
  const suppressions = new Suppressions(lines);
  const fingerprints = new FileFingerprints(path);
  return matches
    .filter(({ rule, range }) => !suppressions.covers(range.start.line + 1, rule.id))
    .map(({ rule, node, range }) => {
      const startLine = range.start.line + 1;
      const endLine = range.end.line + 1;
      const { cwe, owasp, references } = rule.weakness;
      return {
        ruleId: rule.id,
        severity: rule.severity,
        title: rule.weakness.title,
        description: rule.weakness.message,
        remediation: rule.remediation,
        cweId: cwe,
        references: [...references, `https://cwe.mitre.org/data/definitions/${cwe.slice('CWE-'.length)}.html`],
        filePath: path,
        startLine,
        endLine,
        startColumn: range.start.column + 1,
        endColumn: range.end.column + 1,
        codeSnippet: snippetOf(lines, startLine, endLine),
        fingerprint: fingerprints.next(rule.id, node.text()),
        rawOutput: JSON.stringify({ owasp: `${owasp}:2021 ${owaspCategories[owasp]}`, language: rule.language }),
      };
    });
}

interface Match {
  readonly rule: SastRule;
  readonly node: SgNode;
}

/** Cheap enough to be asked of every rule and file before anything is parsed. */
function mayMatch({ keywords, input }: SastRule, text: string, grammar: FlowGrammar): boolean {
  if (!keywords.some((keyword) => text.includes(keyword))) return false;
  const needsRequest = input?.is.every((trait) => trait === 'request') ?? false;
  return !needsRequest || [grammar.sources, grammar.sourceParameters, grammar.sourceDecorators].some((source) => source?.test(text));
}

/** Looking once for all rules and then asking which of them it was is several times as fast as a walk through the tree for each rule. */
function matchesOf(rules: readonly SastRule[], root: SgNode, flow: Flow): Match[] {
  const nodes = root.findAll({ rule: { any: rules.map(({ match }) => match) } });
  const candidates = nodes.flatMap((node) =>
    rules.filter((rule) => rules.length === 1 || node.matches({ rule: rule.match })).map((rule) => ({ rule, node })),
  );
  return candidates.filter(({ rule, node }) => rule.input === undefined || hasInput(node, rule.input, flow));
}

function inputsOf(node: SgNode, { at }: RuleInput): SgNode[] {
  if (at === 'child') return node.namedChildren().slice(0, 1);
  if ('field' in at) {
    let part: SgNode | null = node;
    for (const name of at.field.split('.')) part = part?.field(name) ?? null;
    return part === null ? [] : [part];
  }
  if ('keyword' in at) {
    const keywords = node.field('arguments')?.namedChildren() ?? [];
    const value = keywords.find((argument) => argument.field('name')?.text() === at.keyword)?.field('value');
    return value === null || value === undefined ? [] : [value];
  }
  const positional = argumentsOf(node);
  return at.argument === 'any' ? positional : positional.slice(at.argument, at.argument + 1);
}

function hasInput(node: SgNode, input: RuleInput, flow: Flow): boolean {
  const { text, cleansers, requestOnlyIf } = input;
  const traits = requestOnlyIf !== undefined && node.matches({ rule: requestOnlyIf }) ? (['request'] as const) : input.is;
  return inputsOf(node, input).some((expression) => {
    const value = flow.valueOf(expression, cleansers);
    return traits.some((trait) => value[trait]) && (text === undefined || text.test(value.text));
  });
}
