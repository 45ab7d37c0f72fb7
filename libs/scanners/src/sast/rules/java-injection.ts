import { java, rulesFor } from '../rule.ts';
import { sqlText } from './sql-text.ts';
import * as weakness from './weaknesses.ts';

export const javaInjectionRules = rulesFor('java', [
  {
    id: 'java-sql-injection',
    severity: 'high',
    weakness: weakness.sqlInjection,
    remediation:
      'Use a PreparedStatement or named parameters with setString, setLong and so on; choose names of tables and columns from a fixed list.',
    keywords: ['execute', 'createQuery', 'createNativeQuery', 'query', 'prepareStatement', 'prepareCall', 'update(', 'addBatch'],
    match: java.call(
      'execute|executeQuery|executeUpdate|executeLargeUpdate|addBatch|prepareStatement|prepareCall|createQuery|createNativeQuery|createSQLQuery|query|queryForObject|queryForList|queryForMap|queryForRowSet|update|batchUpdate',
    ),
    input: { at: { argument: 0 }, is: ['built'], text: sqlText, cleansers: /^(?:escape\w*|quote\w*|enquoteIdentifier|enquoteLiteral)$/ },
    matches: [
      'class A { void f(String id) throws Exception { statement.executeQuery("SELECT * FROM users WHERE id = " + id); } }',
      'class A { void f(String name) { String sql = String.format("DELETE FROM users WHERE name = \'%s\'", name); jdbcTemplate.update(sql); } }',
      'class A { void f(String n) { em.createQuery("select u from User u where u.name = \'" + n + "\'"); } }',
    ],
    clean: [
      'class A { void f(String id) throws Exception { connection.prepareStatement("SELECT * FROM users WHERE id = ?"); } }',
      'class A { static final String TABLE = "users"; void f() { statement.executeQuery("SELECT * FROM " + TABLE); } }',
      'class A { void f(int id) { statement.executeQuery("SELECT * FROM t WHERE id = " + Integer.parseInt(x)); } }',
      'class A { void f(Runnable r) { executor.execute(r); digest.update("a" + b); } }',
    ],
  },
  {
    id: 'java-command-injection',
    severity: 'high',
    weakness: weakness.commandInjection,
    remediation:
      'Use new ProcessBuilder(program, argument, …) with a fixed program and each value as an argument of its own, without sh -c.',
    keywords: ['exec(', 'ProcessBuilder'],
    match: { any: [java.callOn('(?:Runtime\\.getRuntime\\(\\)|runtime|rt)', 'exec'), java.create('ProcessBuilder')] },
    input: { at: { argument: 'any' }, is: ['built', 'request'] },
    matches: [
      'class A { void f(String host) throws Exception { Runtime.getRuntime().exec("ping " + host); } }',
      'class A { void f(String file) { new ProcessBuilder("sh", "-c", "cat " + file); } }',
      'class A { void f(HttpServletRequest request) { String p = request.getParameter("p"); new ProcessBuilder(p).start(); } }',
    ],
    clean: [
      'class A { void f() throws Exception { Runtime.getRuntime().exec("ls"); } }',
      'class A { void f(String host) { new ProcessBuilder("ping", host); } }',
      'class A { void f(String q) { matcher.exec("a" + q); } }',
    ],
  },
  {
    id: 'java-script-engine',
    severity: 'high',
    weakness: weakness.expressionInjection,
    remediation: 'Keep expressions constant and pass values as variables; for Spring’s language use SimpleEvaluationContext.',
    keywords: ['ScriptEngine', 'parseExpression', 'GroovyShell', 'ExpressionFactory', 'MVEL', 'Ognl'],
    match: {
      any: [
        java.callOn(
          '(?:.*[eE]ngine|.*[sS]hell|MVEL|.*[pP]arser|.*[eE]xpressionFactory|Ognl)',
          'eval|evaluate|parseExpression|createValueExpression|parse|getValue',
        ),
      ],
    },
    input: { at: { argument: 'any' }, is: ['built', 'request'] },
    matches: [
      'class A { ScriptEngine engine; Object f(String x) throws Exception { return engine.eval("f(" + x + ")"); } }',
      'class A { ExpressionParser parser; void f(@RequestParam String q) { parser.parseExpression(q); } }',
    ],
    clean: [
      'class A { ScriptEngine engine; void f() throws Exception { engine.eval("1 + 1"); } }',
      'class A { ExpressionParser parser; void f() { parser.parseExpression("name"); } }',
    ],
  },
  {
    id: 'java-ldap-injection',
    severity: 'high',
    weakness: weakness.ldapInjection,
    remediation: 'Use search(base, "(uid={0})", new Object[] { name }, controls), which escapes, or Spring’s LdapQueryBuilder.',
    keywords: ['search('],
    match: java.call('search'),
    input: { at: { argument: 'any' }, is: ['built', 'request'], text: /\(\S*=/, cleansers: /escape|encode/i },
    matches: ['class A { void f(String name) throws Exception { context.search("ou=people", "(uid=" + name + ")", controls); } }'],
    clean: [
      'class A { void f(String name) throws Exception { context.search("ou=people", "(uid={0})", new Object[] { name }, controls); } }',
      'class A { void f(String q) { index.search("title:" + q); } }',
    ],
  },
  {
    id: 'java-xpath-injection',
    severity: 'high',
    weakness: weakness.xpathInjection,
    remediation: 'Set an XPathVariableResolver and write the value as a variable: //user[@name = $name].',
    keywords: ['XPath', 'xpath'],
    match: java.callOn('(?i).*xpath(?:\\(\\))?', 'compile|evaluate|selectNodes|selectSingleNode'),
    input: { at: { argument: 0 }, is: ['built', 'request'] },
    matches: ['class A { void f(String name) throws Exception { xpath.evaluate("//user[@name=\'" + name + "\']", document); } }'],
    clean: ['class A { void f() throws Exception { xpath.evaluate("//user", document); } }'],
  },
  {
    id: 'java-reflected-xss',
    severity: 'high',
    weakness: weakness.reflectedXss,
    remediation: 'Render a template that escapes, or encode the value: Encode.forHtml(value) of OWASP Java Encoder.',
    keywords: ['getWriter', 'getOutputStream', 'PrintWriter'],
    match: java.callOn('(?:.*\\.)?(?:getWriter\\(\\)|getOutputStream\\(\\))|out|writer', 'print|println|write|printf|append|format'),
    input: { at: { argument: 'any' }, is: ['request'], cleansers: /escape|encode|forHtml/i },
    matches: [
      'class A { void doGet(HttpServletRequest request, HttpServletResponse response) throws Exception { response.getWriter().println("Hello " + request.getParameter("name")); } }',
      'class A { void doGet(HttpServletRequest req, HttpServletResponse resp) throws Exception { PrintWriter out = resp.getWriter(); String n = req.getParameter("n"); out.print("<b>" + n); } }',
    ],
    clean: [
      'class A { void doGet(HttpServletRequest request, HttpServletResponse response) throws Exception { response.getWriter().println("Hello"); } }',
      'class A { void doGet(HttpServletRequest request, HttpServletResponse r) throws Exception { r.getWriter().print(Encode.forHtml(request.getParameter("name"))); } }',
    ],
  },
  {
    id: 'java-regex-injection',
    severity: 'medium',
    weakness: weakness.regexInjection,
    remediation: 'Wrap the value in Pattern.quote, or search for it with contains.',
    keywords: ['Pattern.', 'matches(', 'replaceAll('],
    match: { any: [java.callOn('Pattern', 'compile|matches'), java.call('matches|replaceAll|replaceFirst')] },
    input: { at: { argument: 0 }, is: ['request'], cleansers: /^quote$/ },
    matches: ['class A { void f(HttpServletRequest request) { Pattern.compile(request.getParameter("q")); } }'],
    clean: [
      'class A { void f(HttpServletRequest request) { Pattern.compile(Pattern.quote(request.getParameter("q"))); } }',
      'class A { void f(HttpServletRequest request) { Pattern.matches("a+", request.getParameter("q")); } }',
    ],
  },
  {
    id: 'java-unsafe-reflection',
    severity: 'high',
    weakness: weakness.unsafeReflection,
    remediation: 'Look the name up in a Map of the classes or methods that may be used.',
    keywords: ['forName', 'loadClass', 'getMethod', 'getDeclaredMethod'],
    match: java.call('forName|loadClass|getMethod|getDeclaredMethod'),
    input: { at: { argument: 0 }, is: ['request'] },
    matches: ['class A { void f(HttpServletRequest request) throws Exception { Class.forName(request.getParameter("class")); } }'],
    clean: [
      'class A { void f() throws Exception { Class.forName("org.postgresql.Driver"); } }',
      'class A { void f(String n) throws Exception { Class.forName(n); } }',
    ],
  },
  {
    id: 'java-log-injection',
    severity: 'low',
    weakness: weakness.logInjection,
    remediation: 'Use the layout’s encoding (%enc{%m}{CRLF} in Log4j 2), or replace line breaks in the value.',
    keywords: ['log', 'LOG'],
    match: java.callOn('(?i)(?:log|logger|this\\.logger|this\\.log)', 'trace|debug|info|warn|error|warning|severe|fine'),
    input: { at: { argument: 0 }, is: ['request'], cleansers: /replace|escape|encode|sanitize/i },
    matches: ['class A { void f(HttpServletRequest request) { logger.info("login of " + request.getParameter("user")); } }'],
    clean: [
      'class A { void f(HttpServletRequest request) { logger.info("login of " + escapeJava(request.getParameter("user"))); } }',
      'class A { void f(String s) { logger.info("took " + s); } }',
    ],
  },
]);
