import type { RuleLanguage } from './rule.ts';

/** What the flow analysis knows of a language: the node kinds of its tree-sitter grammar, and the names of its libraries. */
export interface FlowGrammar {
  readonly functions: ReadonlySet<string>;
  /** Nodes that bind names on their left field to the value on their right field. */
  readonly bindings: Readonly<Record<string, { readonly left: string; readonly right: string }>>;
  readonly identifiers: ReadonlySet<string>;
  /** Statements whose identifiers are imported names. */
  readonly imports: readonly string[];
  readonly literals: ReadonlySet<string>;
  /** Text that may hold interpolations, and the kind of an interpolation. */
  readonly strings: ReadonlySet<string>;
  readonly interpolation: string;
  /** Binary expressions; `+` puts text together, in Python `%` too. */
  readonly concatenation: string;
  readonly concatenators: ReadonlySet<string>;
  readonly calls: Readonly<Record<string, { readonly callee: string; readonly object: string }>>;
  /** Access to a part of a value, and the field of the whole. */
  readonly members: Readonly<Record<string, string>>;
  /** Nodes that are worth what one of their fields is: pairs, casts. */
  readonly carriers: Readonly<Record<string, string>>;
  /** Nodes that are worth what they hold, types left out: parentheses, lists. */
  readonly transparent: ReadonlySet<string>;
  /** The conditional expression, and at which place its condition stands. */
  readonly conditional: { readonly kind: string; readonly conditionAt: number } | null;
  /** What comes from a request: an expression does whose text starts like that. */
  readonly sources: RegExp;
  /** Parameters (their whole text, with annotations) that come from a request. */
  readonly sourceParameters: RegExp | null;
  /** Decorators and annotations that make all parameters of a function come from a request. */
  readonly sourceDecorators: RegExp | null;
  /** Functions that hand their arguments on, matched against the callee. */
  readonly passThrough: RegExp;
  /** Pass-through functions that put text together. */
  readonly formatters: RegExp;
  /** Functions whose result can do no harm anywhere, such as numbers. */
  readonly cleansers: RegExp;
}

const javascript: FlowGrammar = {
  functions: new Set([
    'function_declaration',
    'function_expression',
    'arrow_function',
    'method_definition',
    'generator_function',
    'generator_function_declaration',
  ]),
  bindings: {
    variable_declarator: { left: 'name', right: 'value' },
    assignment_expression: { left: 'left', right: 'right' },
    augmented_assignment_expression: { left: 'left', right: 'right' },
    for_in_statement: { left: 'left', right: 'right' },
  },
  imports: ['import_statement'],
  identifiers: new Set(['identifier', 'shorthand_property_identifier', 'shorthand_property_identifier_pattern']),
  literals: new Set(['number', 'true', 'false', 'null', 'undefined', 'regex', 'arrow_function', 'function_expression', 'class']),
  strings: new Set(['string', 'template_string']),
  interpolation: 'template_substitution',
  concatenation: 'binary_expression',
  concatenators: new Set(['+']),
  calls: {
    call_expression: { callee: 'function', object: 'function' },
    new_expression: { callee: 'constructor', object: 'constructor' },
  },
  members: { member_expression: 'object', subscript_expression: 'object' },
  carriers: { pair: 'value' },
  conditional: { kind: 'ternary_expression', conditionAt: 0 },
  transparent: new Set([
    ...['parenthesized_expression', 'await_expression', 'array', 'object', 'spread_element'],
    ...['as_expression', 'satisfies_expression', 'non_null_expression', 'sequence_expression'],
  ]),
  sources:
    /(?<![\w.])(?:(?:req|request|ctx\.req|ctx\.request|c\.req)\.(?:query|params|body|headers|cookies|signedCookies|url|originalUrl|hostname|path|files?|get|param|header|rawBody)\b|ctx\.(?:query|params|querystring)\b|(?:window\.|document\.)?location\.(?:search|hash|href)\b|document\.(?:URL|documentURI|referrer)\b|event\.(?:queryStringParameters|pathParameters|body)\b|(?:\w+\.)?searchParams\.get\b)/,
  sourceParameters: /@(?:Query|Param|Body|Headers)\(/,
  sourceDecorators: null,
  passThrough:
    /^(?:String|decodeURI(?:Component)?|unescape|atob|Buffer\.from|JSON\.(?:parse|stringify)|new URL|URL|URLSearchParams|path\.(?:join|resolve|normalize)|(?:path\.)?(?:join|resolve|normalize)|Object\.(?:assign|fromEntries|entries|values)|Array\.from|util\.format|format|decode|Sequelize\.literal|sql\.raw)$/,
  formatters: /^(?:util\.format|format)$/,
  cleansers:
    /^(?:Number(?:\.parse(?:Int|Float))?|parse(?:Int|Float)|Boolean|BigInt|encodeURI(?:Component)?|Date|Date\.parse|crypto\.\w+|uuid\w*|typeof)$/,
};

const python: FlowGrammar = {
  functions: new Set(['function_definition', 'lambda']),
  bindings: {
    assignment: { left: 'left', right: 'right' },
    augmented_assignment: { left: 'left', right: 'right' },
    named_expression: { left: 'name', right: 'value' },
    for_statement: { left: 'left', right: 'right' },
  },
  imports: ['import_statement', 'import_from_statement'],
  identifiers: new Set(['identifier']),
  literals: new Set(['integer', 'float', 'true', 'false', 'none', 'lambda', 'ellipsis']),
  strings: new Set(['string', 'concatenated_string']),
  interpolation: 'interpolation',
  concatenation: 'binary_operator',
  concatenators: new Set(['+', '%']),
  calls: { call: { callee: 'function', object: 'function' } },
  members: { attribute: 'object', subscript: 'value' },
  carriers: { pair: 'value', keyword_argument: 'value' },
  conditional: { kind: 'conditional_expression', conditionAt: 1 },
  transparent: new Set([
    ...['parenthesized_expression', 'await', 'list', 'tuple', 'set', 'dictionary', 'boolean_operator', 'list_splat'],
    ...['dictionary_splat', 'expression_list'],
  ]),
  sources:
    /(?<![\w.])(?:flask\.)?(?:self\.)?request\.(?:args|form|values|json|data|files|cookies|headers|get_json|get_data|GET|POST|COOKIES|META|FILES|body|query_params|path_params|query_string|url|full_path|path|query|match_info|rel_url|get_argument)\b|(?<![\w.])self\.get_(?:query_|body_)?argument\b/,
  sourceParameters: null,
  sourceDecorators: /@\w+(?:\.\w+)*\.(?:route|get|post|put|patch|delete)\(/,
  passThrough:
    /^(?:str|bytes|repr|list|tuple|dict|json\.(?:loads|dumps)|os\.path\.(?:join|normpath|abspath|expanduser)|(?:pathlib\.)?Path|(?:urllib\.parse\.)?(?:unquote|urljoin)|base64\.b64decode|(?:sqlalchemy\.)?text|.*\.(?:format|join|strip|replace|encode|decode|lower|upper|get|getlist|to_dict))$/,
  formatters: /(?:^|["')\w]\.)format$/,
  cleansers:
    /^(?:int|float|bool|len|hash|uuid\.UUID|UUID|(?:werkzeug\.utils\.)?secure_filename|os\.path\.basename|(?:shlex\.)?quote|(?:html\.|markupsafe\.)?escape|psycopg2\.sql\.\w+|sql\.(?:SQL|Identifier|Literal)(?:\(.*\)\.format)?|isinstance)$/s,
};

const java: FlowGrammar = {
  functions: new Set(['method_declaration', 'constructor_declaration', 'lambda_expression']),
  bindings: {
    variable_declarator: { left: 'name', right: 'value' },
    assignment_expression: { left: 'left', right: 'right' },
    resource: { left: 'name', right: 'value' },
    enhanced_for_statement: { left: 'name', right: 'value' },
  },
  imports: [],
  identifiers: new Set(['identifier']),
  literals: new Set([
    ...['decimal_integer_literal', 'hex_integer_literal', 'decimal_floating_point_literal', 'character_literal'],
    ...['true', 'false', 'null_literal', 'class_literal', 'lambda_expression', 'method_reference'],
  ]),
  strings: new Set(['string_literal']),
  interpolation: 'string_interpolation',
  concatenation: 'binary_expression',
  concatenators: new Set(['+']),
  calls: {
    method_invocation: { callee: 'name', object: 'object' },
    object_creation_expression: { callee: 'type', object: '' },
  },
  members: { field_access: 'object', array_access: 'array' },
  carriers: { cast_expression: 'value' },
  conditional: { kind: 'ternary_expression', conditionAt: 0 },
  transparent: new Set(['parenthesized_expression', 'array_initializer', 'array_creation_expression']),
  sources:
    /(?<![\w.])(?:\w*[rR]eq(?:uest)?|exchange\.getRequest\(\))\.(?:getParameter(?:Values|Map)?|getHeaders?|getQueryString|getCookies|getInputStream|getReader|getRequestURI|getRequestURL|getPathInfo|getServletPath|getPart|getRemoteUser|getQueryParams)\b/,
  sourceParameters:
    /@(?:RequestParam|PathVariable|RequestBody|RequestHeader|CookieValue|MatrixVariable|QueryParam|PathParam|FormParam|HeaderParam|CookieParam)\b/,
  sourceDecorators: null,
  passThrough:
    /^(?:format|formatted|concat|join|valueOf|toString|trim|toLowerCase|toUpperCase|strip|replace|substring|split|decode|append|get|of|resolve|normalize|toPath|create|getValue|getBytes|File|URL|URI|String|StringBuilder|InputStreamReader|BufferedReader|readLine|readAllBytes|FileInputStream)$/,
  formatters: /^(?:format|formatted|concat|append)$/,
  cleansers:
    /^(?:parse(?:Int|Long|Double|Boolean)|fromString|encode\w*|escape\w*|hashCode|length|size|equals|getCanonicalPath|getFileName)$/,
};

const go: FlowGrammar = {
  functions: new Set(['function_declaration', 'method_declaration', 'func_literal']),
  bindings: {
    short_var_declaration: { left: 'left', right: 'right' },
    assignment_statement: { left: 'left', right: 'right' },
    var_spec: { left: 'name', right: 'value' },
    const_spec: { left: 'name', right: 'value' },
    range_clause: { left: 'left', right: 'right' },
  },
  imports: [],
  identifiers: new Set(['identifier']),
  literals: new Set(['int_literal', 'float_literal', 'rune_literal', 'true', 'false', 'nil', 'iota', 'func_literal']),
  strings: new Set(['interpreted_string_literal', 'raw_string_literal']),
  interpolation: 'interpolation',
  concatenation: 'binary_expression',
  concatenators: new Set(['+']),
  calls: { call_expression: { callee: 'function', object: 'function' } },
  members: { selector_expression: 'operand', index_expression: 'operand', slice_expression: 'operand' },
  carriers: { type_conversion_expression: 'operand' },
  conditional: null,
  transparent: new Set([
    'parenthesized_expression',
    'expression_list',
    'composite_literal',
    'literal_value',
    'literal_element',
    'keyed_element',
    'variadic_argument',
  ]),
  sources:
    /(?<![\w.])(?:r|req|request|c\.Request|ctx\.Request)\.(?:URL\b|FormValue\(|PostFormValue\(|Header\b|Form\b|PostForm\b|Cookie\(|Body\b|PathValue\(|RequestURI\b|Host\b|MultipartForm\b|FormFile\()|(?<![\w.])(?:mux\.Vars|chi\.URLParam)\(|(?<![\w.])(?:c|ctx)\.(?:Query|DefaultQuery|Param|Params|PostForm|GetHeader|QueryParam|FormValue|GetRawData|Cookie)\(/,
  sourceParameters: null,
  sourceDecorators: null,
  passThrough:
    /^(?:string|\[\]byte|fmt\.Sprintf?|strings\.(?:TrimSpace|Trim|ToLower|ToUpper|Replace|ReplaceAll|Join|TrimPrefix|TrimSuffix|Split)|path\.(?:Join|Clean)|filepath\.(?:Join|Clean|FromSlash)|url\.(?:Parse|QueryUnescape|PathUnescape)|template\.(?:HTML|JS|URL)|.*\.(?:String|Get|Query|Path))$/,
  formatters: /^fmt\.Sprintf?$/,
  cleansers:
    /^(?:strconv\.(?:Atoi|ParseInt|ParseUint|ParseBool|ParseFloat|Itoa|Quote)|len|int|int64|uint|filepath\.Base|path\.Base|url\.(?:QueryEscape|PathEscape)|html\.EscapeString|template\.HTMLEscapeString|uuid\.Parse|pq\.Quote\w+)$/,
};

export const flowGrammars: Readonly<Record<RuleLanguage, FlowGrammar>> = { javascript, python, java, go };
