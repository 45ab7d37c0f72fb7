import type { SgNode } from '@ast-grep/napi';
import type { FlowGrammar } from './flow-grammar.ts';

/** What is known of an expression's value. */
export interface Value {
  readonly dynamic: boolean;
  readonly built: boolean;
  readonly request: boolean;
  /** The constant texts in it, in order. */
  readonly text: string;
}

const constant: Value = { dynamic: false, built: false, request: false, text: '' };
const unknown: Value = { ...constant, dynamic: true };
const fromRequest: Value = { ...unknown, request: true };
/** Steps from a use through assignments and expressions; deeper than that a value counts as unknown. */
const maxDepth = 40;
/** Characters of constant text that are kept: enough to tell what is put together. */
const maxText = 4096;
/** Characters at an expression's start that tell whether it comes from a request. */
const maxSource = 200;
/** The convention for constants in all four languages. */
const constantName = /^[A-Z][A-Z0-9_]*$/;
/** Operators whose result is one of their sides; others, `+` apart, yield numbers and truth values. */
const choosing = /^(?:\|\||&&|\?\?)$/;
/** What stands in an expression and is no part of its value. */
const typeKind = /(?:^|_)type(?:_identifier|_arguments|_annotation)?$/;

interface Binding {
  readonly value: SgNode;
  /** Of the function around it, or of the file; found on the first look. */
  scopeId: number | undefined;
}

interface Origin {
  readonly parameter: Value | null;
  readonly bindings: readonly Binding[];
  /** Imported, or set up when the file was loaded and used in a function: no caller has a say in it. */
  readonly isFixed: boolean;
}

/**
 * Where values come from within one file. It looks through assignments of the same function, and of the functions and the file around
 * it; not through calls of the file's own functions, nor at the order of statements: a name is worth the union of all it was ever given.
 * A call that is not known to hand its arguments on yields something dynamic that is no longer the request's.
 */
export class Flow {
  readonly #root: SgNode;
  readonly #grammar: FlowGrammar;
  #bindings: Map<string, Binding[]> | undefined;
  #importedNames: ReadonlySet<string> | undefined;

  constructor(root: SgNode, grammar: FlowGrammar) {
    this.#root = root;
    this.#grammar = grammar;
  }

  /** @param cleansers calls that make a value harmless, beside the language's own */
  valueOf(node: SgNode, cleansers?: RegExp): Value {
    return this.#evaluate(node, { cleansers, known: new Map() }, 0);
  }

  #evaluate(node: SgNode, context: Context, depth: number): Value {
    const grammar = this.#grammar;
    const kind = String(node.kind());
    if (depth > maxDepth) return unknown;
    if (grammar.literals.has(kind)) return constant;
    if (grammar.strings.has(kind)) return this.#text(node, context, depth);
    if (grammar.identifiers.has(kind)) return this.#name(node, context, depth);
    if (Object.hasOwn(grammar.calls, kind)) return this.#call(node, kind, context, depth);
    if (Object.hasOwn(grammar.members, kind)) return this.#member(node, kind, context, depth);
    if (kind === grammar.concatenation) return this.#concatenation(node, context, depth);
    if (Object.hasOwn(grammar.carriers, kind)) return this.#field(node, grammar.carriers[kind]!, context, depth);
    if (kind === grammar.conditional?.kind) {
      return this.#union(node.namedChildren().toSpliced(grammar.conditional.conditionAt, 1), context, depth);
    }
    if (grammar.transparent.has(kind)) {
      return this.#union(
        node.namedChildren().filter((child) => !typeKind.test(String(child.kind()))),
        context,
        depth,
      );
    }
    return unknown;
  }

  #union(nodes: readonly SgNode[], context: Context, depth: number): Value {
    return union(nodes.map((node) => this.#evaluate(node, context, depth + 1)));
  }

  #field(node: SgNode, name: string, context: Context, depth: number): Value {
    const part = node.field(name);
    return part === null ? unknown : this.#evaluate(part, context, depth + 1);
  }

  #text(node: SgNode, context: Context, depth: number): Value {
    const nested = node.namedChildren().filter((child) => this.#grammar.strings.has(String(child.kind())));
    const parts = [...interpolationsOf(node, this.#grammar), ...nested].map((part) => this.#evaluate(part, context, depth + 1));
    const value = union(parts);
    return { ...value, built: value.built || value.dynamic, text: nested.length > 0 ? value.text : node.text() };
  }

  #name(node: SgNode, context: Context, depth: number): Value {
    if (constantName.test(node.text())) return constant;
    const origin = this.#originOf(node);
    if (origin === null) return unknown;
    const given = origin.bindings.map(({ value }) => this.#binding(value, context, depth));
    const value = union(origin.parameter === null ? given : [origin.parameter, ...given]);
    return origin.isFixed && !value.request ? { ...constant, text: value.text } : value;
  }

  /** Where a name was given its value: in the innermost function that binds it, or in the file. Null for what is global. */
  #originOf(node: SgNode): Origin | null {
    const name = node.text();
    const all = this.#bindingsOf(name);
    const innermost = this.#enclosingFunction(node);
    for (let scope = innermost; ; scope = this.#enclosingFunction(scope)) {
      const scopeId = (scope ?? this.#root).id();
      const bindings = all.filter((binding) => (binding.scopeId ??= this.#scopeIdOf(binding.value)) === scopeId);
      const parameter = scope === null ? null : parameterNamed(scope, name, this.#grammar);
      if (bindings.length > 0 || parameter !== null) return { parameter, bindings, isFixed: scope === null && innermost !== null };
      if (scope === null) return this.#imports.has(name) ? { parameter: null, bindings: [], isFixed: true } : null;
    }
  }

  #binding(value: SgNode, context: Context, depth: number): Value {
    const known = context.known.get(value.id());
    if (known !== undefined) return known;
    context.known.set(value.id(), constant);
    const given = this.#evaluate(value, context, depth + 1);
    const appends = /^augmented_assignment/.test(String(value.parent()?.kind()));
    const result = appends && given.dynamic ? { ...given, built: true } : given;
    context.known.set(value.id(), result);
    return result;
  }

  #call(node: SgNode, kind: string, context: Context, depth: number): Value {
    const grammar = this.#grammar;
    const fields = grammar.calls[kind]!;
    const callee = node.field(fields.callee)?.text().replace(/\s+/g, '') ?? '';
    if (grammar.cleansers.test(callee) || context.cleansers?.test(callee)) return constant;
    if (this.#isSource(node)) return fromRequest;
    const formats = grammar.formatters.test(callee);
    const handsOn = formats || grammar.passThrough.test(callee);
    const given = handsOn ? argumentsOf(node).map((argument) => this.#evaluate(argument, context, depth + 1)) : [unknown];
    const value = union([this.#receiver(node, fields.object, context, depth), ...given]);
    return formats && value.dynamic ? { ...value, built: true } : value;
  }

  /** `x.trim()` is worth what `x` is; a module or class before the dot is worth nothing. */
  #receiver(call: SgNode, field: string, context: Context, depth: number): Value {
    let object = field === '' ? null : call.field(field);
    if (object === null) return constant;
    if (call.kind() !== 'method_invocation') {
      const whole = this.#grammar.members[String(object.kind())];
      object = whole === undefined ? null : object.field(whole);
    }
    if (object === null) return constant;
    const isName = this.#grammar.identifiers.has(String(object.kind()));
    return isName && this.#originOf(object) === null ? constant : this.#evaluate(object, context, depth + 1);
  }

  #member(node: SgNode, kind: string, context: Context, depth: number): Value {
    if (this.#isSource(node)) return fromRequest;
    const whole = node.field(this.#grammar.members[kind]!);
    if (whole === null) return unknown;
    const lastName = node.text().slice(node.text().lastIndexOf('.') + 1);
    if (constantName.test(lastName) || /^(?:length|size)$/.test(lastName)) return constant;
    return { ...this.#evaluate(whole, context, depth + 1), built: false, text: '' };
  }

  #isSource(node: SgNode): boolean {
    return this.#grammar.sources.exec(node.text().slice(0, maxSource))?.index === 0;
  }

  #concatenation(node: SgNode, context: Context, depth: number): Value {
    const operator = node.field('operator')?.text() ?? node.child(1)?.text() ?? '';
    const sides = node.namedChildren().map((side) => this.#evaluate(side, context, depth + 1));
    const value = union(sides);
    if (choosing.test(operator)) return value;
    if (!this.#grammar.concatenators.has(operator)) return { ...constant, dynamic: value.dynamic };
    const holdsText = sides.some(({ text }) => text !== '');
    return { ...value, built: value.built || (value.dynamic && holdsText) };
  }

  #enclosingFunction(node: SgNode): SgNode | null {
    for (let parent = node.parent(); parent !== null; parent = parent.parent()) {
      if (this.#grammar.functions.has(String(parent.kind()))) return parent;
    }
    return null;
  }

  #scopeIdOf(node: SgNode): number {
    return (this.#enclosingFunction(node) ?? this.#root).id();
  }

  #bindingsOf(name: string): readonly Binding[] {
    this.#bindings ??= this.#collectBindings();
    return this.#bindings.get(name) ?? [];
  }

  get #imports(): ReadonlySet<string> {
    const kinds = this.#grammar.imports.map((kind) => ({ kind }));
    this.#importedNames ??= new Set(
      kinds.length === 0 ? [] : this.#root.findAll({ rule: { any: kinds } }).flatMap((statement) => namesIn(statement, this.#grammar)),
    );
    return this.#importedNames;
  }

  #collectBindings(): Map<string, Binding[]> {
    const bindings = new Map<string, Binding[]>();
    const kinds = Object.entries(this.#grammar.bindings);
    for (const node of this.#root.findAll({ rule: { any: kinds.map(([kind]) => ({ kind })) } })) {
      const fields = this.#grammar.bindings[String(node.kind())]!;
      const value = node.field(fields.right);
      if (value === null) continue;
      for (const left of node.fieldChildren(fields.left)) {
        for (const name of namesIn(left, this.#grammar)) {
          const known = bindings.get(name);
          if (known === undefined) bindings.set(name, [{ value, scopeId: undefined }]);
          else known.push({ value, scopeId: undefined });
        }
      }
    }
    return bindings;
  }
}

interface Context {
  readonly cleansers: RegExp | undefined;
  /** By the id of the node that a name was given; worth nothing while it is being looked at, which ends circles. */
  readonly known: Map<number, Value>;
}

function union(values: readonly Value[]): Value {
  return {
    dynamic: values.some(({ dynamic }) => dynamic),
    built: values.some(({ built }) => built),
    request: values.some(({ request }) => request),
    text: values
      .map(({ text }) => text)
      .join('')
      .slice(0, maxText),
  };
}

/** The positional arguments of a call; comments are not arguments. */
export function argumentsOf(call: SgNode): SgNode[] {
  const list = call.field('arguments');
  if (list === null) return [];
  return list
    .namedChildren()
    .filter((node) => !['comment', 'line_comment', 'block_comment', 'keyword_argument'].includes(String(node.kind())));
}

function interpolationsOf(node: SgNode, grammar: FlowGrammar): SgNode[] {
  return node
    .namedChildren()
    .filter((child) => child.kind() === grammar.interpolation)
    .flatMap((child) => child.namedChildren().slice(0, 1));
}

/** The names that a pattern binds: `a`, `{ a, b: c }`, `[a, b]`. A member (`a.b = …`) binds none. */
function namesIn(pattern: SgNode, grammar: FlowGrammar): string[] {
  const kind = String(pattern.kind());
  if (grammar.identifiers.has(kind)) return [pattern.text()];
  if (Object.hasOwn(grammar.members, kind) || Object.hasOwn(grammar.calls, kind)) return [];
  return pattern.namedChildren().flatMap((child) => namesIn(child, grammar));
}

function parameterNamed(scope: SgNode, name: string, grammar: FlowGrammar): Value | null {
  const list = scope.field('parameters') ?? scope.field('parameter');
  if (list === null) return null;
  const parameters = list.kind() === 'identifier' ? [list] : list.namedChildren();
  const parameter = parameters.find((candidate) => new RegExp(`(?<![\\w$.])${escapeRegExp(name)}(?![\\w$])`).test(candidate.text()));
  if (parameter === undefined) return null;
  if (grammar.sourceParameters?.test(parameter.text())) return fromRequest;
  const decorators = scope.parent()?.kind() === 'decorated_definition' ? scope.prevAll() : [];
  return decorators.some((decorator) => grammar.sourceDecorators?.test(decorator.text())) ? fromRequest : unknown;
}

function escapeRegExp(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
}
