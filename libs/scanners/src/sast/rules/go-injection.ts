import { go, rulesFor, withArgument } from '../rule.ts';
import { sqlText } from './sql-text.ts';
import * as weakness from './weaknesses.ts';

export const goInjectionRules = rulesFor('go', [
  {
    id: 'go-sql-injection',
    severity: 'high',
    weakness: weakness.sqlInjection,
    remediation: 'Pass values as arguments: db.Query("… WHERE id = $1", id). Choose names of tables and columns from a fixed list.',
    keywords: ['Query', 'Exec', 'Prepare', 'Raw(', 'Where('],
    match: go.call(
      '.*\\.(?:Query|QueryRow|QueryContext|QueryRowContext|Exec|ExecContext|Prepare|PrepareContext|Raw|Queryx|QueryRowx|MustExec|Select|Get|NamedExec|Where)',
    ),
    input: {
      at: { argument: 'any' },
      is: ['built'],
      text: sqlText,
      requestOnlyIf: { has: { field: 'arguments', has: { kind: 'variadic_argument' } } },
    },
    matches: [
      'package a\nfunc f(id string) { db.Query("SELECT * FROM users WHERE id = " + id) }',
      'package a\nfunc f(name string) { q := fmt.Sprintf("SELECT * FROM users WHERE name = \'%s\'", name); db.QueryRowContext(ctx, q) }',
    ],
    clean: [
      'package a\nfunc f(where string, args []any) { db.Query("SELECT * FROM t WHERE "+where, args...) }',
      'package a\nfunc f(id string) { db.Query("SELECT * FROM users WHERE id = $1", id) }',
      'package a\nconst table = "users"\nfunc f() { db.Query("SELECT * FROM " + table) }',
      'package a\nfunc f(id string) { cache.Get("user:" + id) }',
      'package a\nfunc f(s string) { n, _ := strconv.Atoi(s); db.Query(fmt.Sprintf("SELECT * FROM t LIMIT %d", n)) }',
    ],
  },
  {
    id: 'go-command-injection',
    severity: 'high',
    weakness: weakness.commandInjection,
    remediation: 'Call exec.Command with a fixed program and each value as an argument of its own, without sh -c.',
    keywords: ['exec.Command'],
    match: {
      any: [{ all: [go.call('exec\\.Command(?:Context)?'), withArgument('"(?:-c|/c|/C)"')] }],
    },
    input: { at: { argument: 'any' }, is: ['built', 'request'] },
    matches: [
      'package a\nfunc f(name string) { exec.Command("sh", "-c", "ls "+name).Run() }',
      'package a\nfunc f(d string) { exec.CommandContext(ctx, "/bin/bash", "-c", fmt.Sprintf("du %s", d)) }',
    ],
    clean: [
      'package a\nfunc f(name string) { exec.Command("ls", name) }',
      'package a\nfunc f() { exec.Command("sh", "-c", "ls | wc -l") }',
    ],
  },
  {
    id: 'go-program-from-request',
    severity: 'critical',
    weakness: weakness.commandInjection,
    remediation: 'Choose the program from a fixed list, and put "--" before values that could look like options.',
    keywords: ['exec.Command'],
    match: { all: [go.call('exec\\.Command(?:Context)?'), { not: withArgument('"(?:-c|/c|/C)"') }] },
    input: { at: { argument: 0 }, is: ['request'] },
    matches: ['package a\nfunc f(w http.ResponseWriter, r *http.Request) { exec.Command(r.FormValue("program")).Run() }'],
    clean: [
      'package a\nfunc f(r *http.Request) { exec.Command("convert", "--", r.FormValue("file")) }',
      'package a\nfunc f(program string) { exec.Command(program) }',
    ],
  },
  {
    id: 'go-reflected-xss',
    severity: 'high',
    weakness: weakness.reflectedXss,
    remediation: 'Render with html/template, or escape the value with html.EscapeString.',
    keywords: ['Fprint', '.Write(', 'WriteString'],
    match: {
      all: [
        go.call('fmt\\.(?:Fprintf|Fprint|Fprintln)|io\\.WriteString|\\w+\\.Write'),
        { not: withArgument('os\\.Std(?:out|err)') },
        {
          inside: {
            stopBy: 'end',
            any: ['function_declaration', 'method_declaration', 'func_literal'].map((kind) => ({ kind })),
            has: { field: 'parameters', regex: '\\bhttp\\.ResponseWriter\\b' },
          },
        },
      ],
    },
    input: { at: { argument: 'any' }, is: ['request'], cleansers: /Escape|Sanitize|Marshal|Quote/ },
    matches: [
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "<h1>Hello %s</h1>", r.URL.Query().Get("name")) }',
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { name := r.FormValue("name"); w.Write([]byte("Hello " + name)) }',
    ],
    clean: [
      'package a\nfunc dump(w io.Writer, r *http.Request) { fmt.Fprintf(w, "Host: %s", r.Host) }',
      'package a\nfunc f(w http.ResponseWriter) { fmt.Fprintf(w, "<h1>Hello</h1>") }',
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, html.EscapeString(r.FormValue("name"))) }',
    ],
  },
  {
    id: 'go-unescaped-template-value',
    severity: 'high',
    weakness: weakness.domXss,
    remediation: 'Pass the plain string to html/template, which escapes it for its place.',
    keywords: ['template.HTML', 'template.JS'],
    match: go.call('template\\.(?:HTML|JS|HTMLAttr|JSStr)'),
    input: { at: { argument: 0 }, is: ['built', 'request'], cleansers: /Escape|Sanitize|Marshal/ },
    matches: ['package a\nfunc f(name string) template.HTML { return template.HTML("<b>" + name + "</b>") }'],
    clean: [
      'package a\nfunc f() template.HTML { return template.HTML("<br>") }',
      'package a\nfunc f(n string) template.HTML { return template.HTML("<b>" + html.EscapeString(n) + "</b>") }',
    ],
  },
  {
    id: 'go-ldap-injection',
    severity: 'high',
    weakness: weakness.ldapInjection,
    remediation: 'Escape the value: ldap.EscapeFilter(name).',
    keywords: ['ldap.'],
    match: go.call('ldap\\.NewSearchRequest'),
    input: { at: { argument: 'any' }, is: ['built', 'request'], text: /\(\S*=/, cleansers: /EscapeFilter/ },
    matches: ['package a\nfunc f(n string) { ldap.NewSearchRequest(base, 2, 0, 0, 0, false, fmt.Sprintf("(uid=%s)", n), nil, nil) }'],
    clean: [
      'package a\nfunc f(n string) { ldap.NewSearchRequest(base, 2, 0, 0, 0, false, fmt.Sprintf("(uid=%s)", ldap.EscapeFilter(n)), nil, nil) }',
    ],
  },
  {
    id: 'go-log-injection',
    severity: 'low',
    weakness: weakness.logInjection,
    remediation: 'Log with %q, or as attributes of log/slog, which quotes them.',
    keywords: ['log.'],
    match: { all: [go.call('log\\.(?:Print|Println|Printf|Fatalf|Fatal)'), { not: { has: { field: 'arguments', regex: '%q|%\\+q' } } }] },
    input: { at: { argument: 'any' }, is: ['request'], cleansers: /Quote|Replace|Escape/ },
    matches: ['package a\nfunc f(r *http.Request) { log.Printf("login of %s", r.FormValue("user")) }'],
    clean: [
      'package a\nfunc f(r *http.Request) { log.Printf("login of %q", r.FormValue("user")) }',
      'package a\nfunc f(s string) { log.Printf("took %s", s) }',
    ],
  },
]);
