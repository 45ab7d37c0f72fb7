import { parse } from '@ast-grep/napi';
import test from 'ava';
import { argumentsOf, Flow } from './flow.ts';
import type { Value } from './flow.ts';
import { flowGrammars } from './flow-grammar.ts';
import { dialectOf } from './languages.ts';

/** What is known of the argument of `sink(…)`. */
function valueIn(fileName: string, code: string): string {
  const dialect = dialectOf(fileName)!;
  const root = parse(dialect.grammar, code).root();
  const sink = root.findAll({
    rule: {
      any: ['call_expression', 'call', 'method_invocation'].map((kind) => ({ kind, regex: '^sink' })).slice(...callKinds[dialect.language]),
    },
  })[0];
  if (sink === undefined) throw new Error('no sink');
  const value: Value = new Flow(root, flowGrammars[dialect.language]).valueOf(argumentsOf(sink)[0]!);
  return (['request', 'built', 'dynamic'] as const).filter((trait) => value[trait]).join(' ') || 'constant';
}

const callKinds = { javascript: [0, 1], go: [0, 1], python: [1, 2], java: [2, 3] } as const;

const cases: readonly (readonly [file: string, code: string, traits: string])[] = [
  ['a.js', 'sink("text")', 'constant'],
  ['a.js', 'const a = "x"; sink(a + `y${a}`)', 'constant'],
  ['a.js', 'sink(other)', 'dynamic'],
  ['a.js', 'sink("a" + other)', 'built dynamic'],
  ['a.js', 'sink(a + b)', 'dynamic'],
  ['a.js', 'sink(LIMIT + config.MAX_SIZE)', 'constant'],
  ['a.js', 'function f(req) { const { id } = req.query; const key = id.trim(); sink(key); }', 'request dynamic'],
  ['a.js', 'function f(req) { let q = "a"; q += req.body.x; sink(q); }', 'request built dynamic'],
  ['a.js', 'function f(req) { sink(Number(req.query.id)); }', 'constant'],
  ['a.js', 'function f(req) { sink(lookUp(req.query.id)); }', 'dynamic'],
  ['a.js', 'function f(req) { sink(req.query.a ? "x" : "y"); }', 'constant'],
  ['a.js', 'function f(req) { sink(req.query.a || "y"); }', 'request dynamic'],
  ['a.js', 'const a = "x"; function f(a) { sink(a); }', 'dynamic'],
  ['a.js', 'let a = b; let b = a; sink(a)', 'constant'],
  ['a.js', 'function g() { const a = req.body.x; } function f() { const a = "1"; sink(a); }', 'constant'],
  ['a.js', 'const where = build(); function f(x) { sink(`a ${where} ${x.length}`); }', 'constant'],
  ['a.js', 'const input = location.hash; function f() { sink(input); }', 'request dynamic'],
  ['a.js', 'import { schema, config } from "./schema.js"; function f() { sink(`a ${schema} ${config.name}`); }', 'constant'],
  ['a.js', 'function f(user) { const row = load(user); sink(`a ${row.name}`); }', 'built dynamic'],
  ['a.java', 'class A { String name; void f() { sink("a" + this.name); } }', 'built dynamic'],
  ['a.ts', 'function f(req: Request) { sink((req.query.x as string)); }', 'request dynamic'],
  ['a.ts', 'class A { @Get() f(@Query("q") q: string) { sink(q); } }', 'request dynamic'],
  ['a.py', 'sink(f"a {b}")', 'built dynamic'],
  ['a.py', 'sink("a %s" % (b,))', 'built dynamic'],
  ['a.py', 'sink("a {}".format("b"))', 'constant'],
  ['a.py', 'sink(a % 2)', 'dynamic'],
  ['a.py', '@app.route("/<name>")\ndef view(name):\n    sink(name)', 'request dynamic'],
  ['a.py', 'def view():\n    sink("x" if request.args["a"] else "y")', 'constant'],
  ['a.py', 'def view():\n    a, b = request.form["a"], 2\n    sink(a)', 'request dynamic'],
  ['a.java', 'class A { void f(@PathVariable String id) { sink("a" + id); } }', 'request built dynamic'],
  ['a.java', 'class A { void f(String id) { sink(String.format("a %s", id)); } }', 'built dynamic'],
  ['a.java', 'class A { void f() { sink(String.format("a %s", "b")); } }', 'constant'],
  ['a.java', 'class A { void f(HttpServletRequest request) { sink((String) request.getParameter("a").trim()); } }', 'request dynamic'],
  ['a.java', 'class A { void f(String b) { sink(new StringBuilder("a").append(b).toString()); } }', 'built dynamic'],
  ['a.go', 'package a\nfunc f(b string) { sink(fmt.Sprintf("a %s", b)) }', 'built dynamic'],
  ['a.go', 'package a\nfunc f(r *http.Request) { b := []byte(r.FormValue("x")); sink(b) }', 'request dynamic'],
  ['a.go', 'package a\nfunc f(r *http.Request) { n, err := strconv.Atoi(r.FormValue("x")); sink(n) }', 'constant'],
];

for (const [file, code, traits] of cases) {
  test(`in ${file}, the argument is ${traits}: ${code}`, (t) => t.is(valueIn(file, code), traits));
}

test('a chain of a thousand concatenations is followed without an end of the stack', (t) => {
  t.notThrows(() => valueIn('a.js', `sink(${'a + '.repeat(1000)}"b")`));
});

test('a name that is put together from itself again and again costs no more than its lines', (t) => {
  const lines = Array.from({ length: 300 }, (_, index) => `    page = page + "text${index}" + page % page`);
  t.is(valueIn('a.py', `def f(page):\n${lines.join('\n')}\n    sink(page)`), 'built dynamic');
});
