import { java, rulesFor, withArgument } from '../rule.ts';
import { secretName } from './secret-name.ts';
import * as weakness from './weaknesses.ts';

export const javaPlatformRules = rulesFor('java', [
  {
    id: 'java-path-traversal',
    severity: 'high',
    weakness: weakness.pathTraversal,
    remediation: 'Normalise the path and check it: Path path = root.resolve(name).normalize(); if (!path.startsWith(root)) refuse.',
    keywords: ['new File', 'FileInputStream', 'FileOutputStream', 'FileReader', 'Paths.get', 'Path.of', 'Files.'],
    match: {
      any: [
        java.create('(?:java\\.io\\.)?(?:File|FileInputStream|FileOutputStream|FileReader|FileWriter|RandomAccessFile)'),
        java.callOn('Paths|Path', 'get|of'),
      ],
    },
    input: { at: { argument: 'any' }, is: ['request'], cleansers: /getName|normalize|FilenameUtils/ },
    matches: [
      'class A { void doGet(HttpServletRequest request) { new File("/srv/files", request.getParameter("name")); } }',
      'class A { @GetMapping("/f") byte[] f(@RequestParam String name) throws Exception { return Files.readAllBytes(Paths.get("/srv/" + name)); } }',
    ],
    clean: [
      'class A { void f() { new File("/srv/files", "list.txt"); } }',
      'class A { void f(String name) { new File(root, name); } }',
      'class A { void doGet(HttpServletRequest request) { new File(root, FilenameUtils.getName(request.getParameter("name"))); } }',
    ],
  },
  {
    id: 'java-ssrf',
    severity: 'high',
    weakness: weakness.ssrf,
    remediation: 'Choose the host from a fixed list, resolve it and refuse private addresses, and do not follow redirects.',
    keywords: ['new URL', 'URI.create', 'RestTemplate', 'restTemplate', 'WebClient', 'webClient', 'HttpGet', 'Jsoup'],
    match: {
      any: [
        java.create('(?:java\\.net\\.)?(?:URL|HttpGet|HttpPost|URI)'),
        java.callOn('URI', 'create'),
        java.callOn('restTemplate|.*[rR]estTemplate', 'getForObject|getForEntity|postForObject|postForEntity|exchange'),
        java.callOn('Jsoup', 'connect'),
      ],
    },
    input: { at: { argument: 0 }, is: ['request'] },
    matches: [
      'class A { void f(HttpServletRequest request) throws Exception { new URL(request.getParameter("url")).openStream(); } }',
      'class A { Object f(@RequestParam String url) { return restTemplate.getForObject(url, String.class); } }',
    ],
    clean: [
      'class A { void f() throws Exception { new URL("https://api.example.com"); } }',
      'class A { void f(String url) throws Exception { new URL(url); } }',
    ],
  },
  {
    id: 'java-open-redirect',
    severity: 'medium',
    weakness: weakness.openRedirect,
    remediation: 'Redirect to paths of this site only, or choose the target from a fixed list.',
    keywords: ['sendRedirect', 'RedirectView'],
    match: { any: [java.call('sendRedirect'), java.create('RedirectView')] },
    input: { at: { argument: 0 }, is: ['request'], text: /^(?!"(?:https?:\/\/|\/[^/"]))/ },
    matches: [
      'class A { void f(HttpServletRequest request, HttpServletResponse response) throws Exception { response.sendRedirect(request.getParameter("next")); } }',
    ],
    clean: [
      'class A { void f(HttpServletResponse response) throws Exception { response.sendRedirect("/login"); } }',
      'class A { void f(HttpServletRequest request, HttpServletResponse response) throws Exception { response.sendRedirect("/users/" + request.getParameter("id")); } }',
    ],
  },
  {
    id: 'java-unsafe-deserialization',
    severity: 'high',
    weakness: weakness.unsafeDeserialization,
    remediation: 'Use JSON with fixed types; where it must be Java serialization, set an ObjectInputFilter that lists the classes.',
    keywords: ['ObjectInputStream', 'XMLDecoder', 'XStream', 'enableDefaultTyping', 'activateDefaultTyping'],
    match: { any: [java.create('(?:java\\.io\\.)?ObjectInputStream|(?:java\\.beans\\.)?XMLDecoder'), java.call('enableDefaultTyping')] },
    matches: [
      'class A { Object f(InputStream in) throws Exception { return new ObjectInputStream(in).readObject(); } }',
      'class A { void f(ObjectMapper mapper) { mapper.enableDefaultTyping(); } }',
    ],
    clean: [
      'class A { Object f(InputStream in) throws Exception { return mapper.readValue(in, User.class); } }',
      'class A { void f(OutputStream out) throws Exception { new ObjectOutputStream(out); } }',
    ],
  },
  {
    id: 'java-yaml-load',
    severity: 'high',
    weakness: weakness.unsafeDeserialization,
    remediation: 'Use new Yaml(new SafeConstructor(new LoaderOptions())), or SnakeYAML 2, where this is the default.',
    keywords: ['Yaml('],
    match: {
      all: [
        java.create('(?:org\\.yaml\\.snakeyaml\\.)?Yaml'),
        { has: { field: 'arguments', regex: '^\\(\\s*\\)$|\\bnew\\s+Constructor\\(' } },
      ],
    },
    matches: ['class A { Object f(String text) { return new Yaml().load(text); } }'],
    clean: ['class A { Object f(String text) { return new Yaml(new SafeConstructor(new LoaderOptions())).load(text); } }'],
  },
  {
    id: 'java-xxe',
    severity: 'high',
    weakness: weakness.xxe,
    remediation:
      'factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true), or setProperty(XMLInputFactory.SUPPORT_DTD, false).',
    keywords: ['DocumentBuilderFactory', 'SAXParserFactory', 'XMLInputFactory', 'SAXReader', 'SAXBuilder'],
    match: {
      all: [
        {
          any: [
            java.callOn(
              '(?:javax\\.xml\\.\\w+\\.)?(?:DocumentBuilderFactory|SAXParserFactory|XMLInputFactory)',
              'newInstance|newFactory|newDefaultInstance',
            ),
            java.create('SAXReader|SAXBuilder'),
          ],
        },
        {
          not: {
            inside: {
              stopBy: { kind: 'class_declaration' },
              any: [{ kind: 'method_declaration' }, { kind: 'constructor_declaration' }, { kind: 'static_initializer' }],
              regex:
                'disallow-doctype-decl|FEATURE_SECURE_PROCESSING|external-general-entities|SUPPORT_DTD|IS_SUPPORTING_EXTERNAL_ENTITIES|ACCESS_EXTERNAL_DTD|setFeature|[hH]arden|[sS]ecure',
            },
          },
        },
        { not: { inside: { stopBy: 'end', kind: 'field_declaration' } } },
      ],
    },
    matches: [
      'class A { void f(InputStream in) throws Exception { DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(in); } }',
      'class A { void f() { XMLInputFactory factory = XMLInputFactory.newInstance(); factory.createXMLStreamReader(in); } }',
    ],
    clean: [
      'class A { void f() throws Exception { DocumentBuilderFactory f = DocumentBuilderFactory.newInstance(); f.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true); } }',
      'class A { void f() { XMLInputFactory f = XMLInputFactory.newInstance(); f.setProperty(XMLInputFactory.SUPPORT_DTD, false); } }',
    ],
  },
  {
    id: 'java-weak-hash',
    severity: 'low',
    weakness: weakness.weakHash,
    remediation: 'Use MessageDigest.getInstance("SHA-256").',
    keywords: ['MessageDigest', 'DigestUtils', 'Hashing.'],
    match: {
      any: [
        { all: [java.callOn('(?:java\\.security\\.)?MessageDigest', 'getInstance'), withArgument('"(?i:md2|md4|md5|sha1|sha-1)"')] },
        java.callOn('DigestUtils', 'md5\\w*|sha1\\w*|sha'),
        java.callOn('Hashing', 'md5|sha1'),
      ],
    },
    matches: [
      'class A { void f() throws Exception { MessageDigest.getInstance("MD5"); } }',
      'class A { String f(String s) { return DigestUtils.md5Hex(s); } }',
    ],
    clean: [
      'class A { void f() throws Exception { MessageDigest.getInstance("SHA-256"); } }',
      'class A { void f(String a) throws Exception { MessageDigest.getInstance(a); } }',
    ],
  },
  {
    id: 'java-weak-cipher',
    severity: 'high',
    weakness: weakness.weakCipher,
    remediation: 'Use Cipher.getInstance("AES/GCM/NoPadding") with a fresh 12-byte nonce.',
    keywords: ['Cipher.getInstance', 'KeyGenerator.getInstance', 'SecretKeyFactory'],
    match: {
      any: [
        {
          all: [
            java.callOn('(?:javax\\.crypto\\.)?Cipher', 'getInstance'),
            withArgument('"(?i:AES|(?:DES|DESede|RC2|RC4|ARCFOUR|Blowfish)(?:/.*)?|.*/ECB/.*)"'),
            { not: withArgument('"RSA/ECB/.*"') },
          ],
        },
        { all: [java.callOn('KeyGenerator|SecretKeyFactory', 'getInstance'), withArgument('"(?i:DES|DESede|RC2|RC4|ARCFOUR)"')] },
      ],
    },
    matches: [
      'class A { void f() throws Exception { Cipher.getInstance("AES/ECB/PKCS5Padding"); } }',
      'class A { void f() throws Exception { Cipher.getInstance("DES"); } }',
      'class A { void f() throws Exception { Cipher.getInstance("AES"); } }',
    ],
    clean: [
      'class A { void f() throws Exception { Cipher.getInstance("AES/GCM/NoPadding"); } }',
      'class A { void f() throws Exception { Cipher.getInstance("RSA/ECB/OAEPWithSHA-256AndMGF1Padding"); } }',
    ],
  },
  {
    id: 'java-insecure-random',
    severity: 'medium',
    weakness: weakness.insecureRandom,
    remediation: 'Use java.security.SecureRandom.',
    keywords: ['Random', 'Math.random'],
    match: {
      all: [
        {
          any: [
            java.create('(?:java\\.util\\.)?Random'),
            java.callOn('Math', 'random'),
            java.callOn('(?i)(?:random|rnd|rand|ThreadLocalRandom\\.current\\(\\)|RandomStringUtils)', 'next\\w+|random\\w*|ints'),
          ],
        },
        {
          any: [
            { inside: { stopBy: { kind: 'block' }, kind: 'variable_declarator', has: { field: 'name', regex: secretName } } },
            { inside: { stopBy: { kind: 'block' }, kind: 'assignment_expression', has: { field: 'left', regex: secretName } } },
            { inside: { stopBy: { kind: 'class_body' }, kind: 'method_declaration', has: { field: 'name', regex: secretName } } },
          ],
        },
        { not: { inside: { stopBy: 'end', kind: 'method_declaration', regex: 'SecureRandom' } } },
      ],
    },
    matches: [
      'class A { void f() { long token = new Random().nextLong(); } }',
      'class A { String createToken() { return "" + Math.random(); } }',
    ],
    clean: [
      'class A { void f() { int delay = new Random().nextInt(100); } }',
      'class A { void f() { SecureRandom random = new SecureRandom(); long token = random.nextLong(); } }',
    ],
  },
  {
    id: 'java-hardcoded-key',
    severity: 'high',
    weakness: weakness.hardcodedKey,
    remediation: 'Read the key from a KeyStore or a secret store, and change the one that stands here: it is known.',
    keywords: ['SecretKeySpec', 'IvParameterSpec', 'signWith', 'HMAC', 'PBEKeySpec'],
    match: {
      any: [
        {
          all: [
            java.create('(?:javax\\.crypto\\.spec\\.)?(?:SecretKeySpec|IvParameterSpec)'),
            { has: { field: 'arguments', has: { nthChild: 1, regex: '^"[^"]+"\\.getBytes\\(' } } },
          ],
        },
        { all: [java.call('signWith|setSigningKey'), withArgument('"[^"]{4,}"(?:\\.getBytes\\(.*\\))?')] },
        { all: [java.callOn('Algorithm', 'HMAC(?:256|384|512)'), withArgument('"[^"]{4,}"')] },
      ],
    },
    matches: [
      'class A { void f() { new SecretKeySpec("0123456789abcdef".getBytes(), "AES"); } }',
      'class A { void f() { Jwts.builder().signWith(SignatureAlgorithm.HS256, "my-secret"); } }',
      'class A { void f() { Algorithm.HMAC256("my-secret"); } }',
    ],
    clean: [
      'class A { void f(byte[] key) { new SecretKeySpec(key, "AES"); } }',
      'class A { void f(String secret) { Algorithm.HMAC256(secret); } }',
    ],
  },
  {
    id: 'java-jwt-none',
    severity: 'critical',
    weakness: weakness.unverifiedToken,
    remediation:
      'Require a signature: Jwts.parser().verifyWith(key).build().parseSignedClaims(token), or JWT.require(algorithm).build().verify(token).',
    keywords: ['Algorithm.none', 'unsecured()', 'parseUnsecuredClaims', 'parseClaimsJwt', 'setSkipSignatureVerification'],
    match: {
      any: [
        java.callOn('(?:\\w+\\.)*Algorithm', 'none'),
        java.call('unsecured|parseUnsecuredClaims|parseClaimsJwt|setSkipSignatureVerification'),
      ],
    },
    matches: [
      'class A { void f() { JWT.require(Algorithm.none()).build().verify(token); } }',
      'class A { void f() { Jwts.parser().unsecured().build(); } }',
    ],
    clean: ['class A { void f() { JWT.require(Algorithm.RSA256(key)).build().verify(token); } }'],
  },
  {
    id: 'java-tls-verification-off',
    severity: 'high',
    weakness: weakness.tlsVerificationOff,
    remediation: 'Use the default trust manager; for a private authority load its certificate into a KeyStore of its own.',
    keywords: [
      'checkServerTrusted',
      'HostnameVerifier',
      'NoopHostnameVerifier',
      'ALLOW_ALL_HOSTNAME_VERIFIER',
      'TrustAllStrategy',
      'InsecureTrustManagerFactory',
    ],
    match: {
      any: [
        {
          kind: 'method_declaration',
          all: [
            { has: { field: 'name', regex: '^checkServerTrusted$' } },
            { has: { field: 'body', regex: '^\\{\\s*(?://[^\\n]*\\s*)*\\}$' } },
          ],
        },
        {
          kind: 'method_declaration',
          all: [
            { has: { field: 'name', regex: '^verify$' } },
            { has: { field: 'parameters', regex: 'SSLSession' } },
            { has: { field: 'body', regex: '^\\{\\s*return\\s+true;\\s*\\}$' } },
          ],
        },
        {
          all: [
            java.call('setHostnameVerifier|setDefaultHostnameVerifier|hostnameVerifier|setSSLHostnameVerifier'),
            withArgument(
              '\\(?\\w+\\s*,\\s*\\w+\\)?\\s*->\\s*true|NoopHostnameVerifier\\.INSTANCE|.*ALLOW_ALL_HOSTNAME_VERIFIER|new NoopHostnameVerifier\\(\\)',
            ),
          ],
        },
        { kind: 'field_access', regex: '^(?:InsecureTrustManagerFactory|TrustAllStrategy)\\.INSTANCE$' },
      ],
    },
    matches: [
      'class T implements X509TrustManager { public void checkServerTrusted(X509Certificate[] chain, String type) { } }',
      'class A { void f() { connection.setHostnameVerifier((host, session) -> true); } }',
      'class V implements HostnameVerifier { public boolean verify(String host, SSLSession session) { return true; } }',
    ],
    clean: [
      'class T implements X509TrustManager { public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException { inner.checkServerTrusted(chain, type); } }',
      'class A { void f() { connection.setHostnameVerifier(verifier); } }',
    ],
  },
  {
    id: 'java-cookie-flags',
    severity: 'medium',
    weakness: weakness.cookieFlags,
    remediation: 'Call setSecure(true) and setHttpOnly(true).',
    keywords: ['setSecure', 'setHttpOnly', 'httpOnly', 'secure('],
    match: {
      any: [
        { all: [java.call('setSecure|setHttpOnly'), withArgument('false')] },
        { all: [java.call('httpOnly|secure'), withArgument('false'), { has: { field: 'object', regex: 'ResponseCookie' } }] },
      ],
    },
    matches: [
      'class A { void f(Cookie cookie) { cookie.setHttpOnly(false); } }',
      'class A { void f() { ResponseCookie.from("sid", id).secure(false).build(); } }',
    ],
    clean: ['class A { void f(Cookie cookie) { cookie.setHttpOnly(true); cookie.setSecure(true); } }'],
  },
  {
    id: 'java-csrf-off',
    severity: 'medium',
    weakness: weakness.csrfOff,
    remediation: 'Leave it on for what browsers call with cookies; switch it off per path where only tokens in headers count.',
    keywords: ['csrf'],
    match: {
      any: [
        {
          all: [
            java.call('csrf'),
            {
              has: {
                field: 'arguments',
                has: { regex: '^(?:AbstractHttpConfigurer|CsrfConfigurer)::disable$|->\\s*\\w+\\.disable\\(\\)$' },
              },
            },
          ],
        },
        java.callOn('.*\\.csrf\\(\\)', 'disable'),
      ],
    },
    matches: [
      'class A { void f(HttpSecurity http) throws Exception { http.csrf().disable(); } }',
      'class A { void f(HttpSecurity http) throws Exception { http.csrf(csrf -> csrf.disable()); } }',
    ],
    clean: ['class A { void f(HttpSecurity http) throws Exception { http.csrf(Customizer.withDefaults()); } }'],
  },
  {
    id: 'java-cors-credentials',
    severity: 'high',
    weakness: weakness.corsWithCredentials,
    remediation: 'List the origins that may call with credentials.',
    keywords: ['allowCredentials', 'setAllowCredentials'],
    match: {
      all: [
        {
          any: [
            java.call('allowCredentials|setAllowCredentials'),
            { kind: 'annotation', regex: '(?s)@CrossOrigin.*allowCredentials\\s*=\\s*"true"' },
          ],
        },
        { any: [withArgument('true'), { regex: 'allowCredentials\\s*=\\s*"true"' }] },
        {
          any: [
            {
              inside: {
                stopBy: 'end',
                kind: 'block',
                regex:
                  '(?i)(?:allowedOrigins|allowedOriginPatterns|addAllowedOrigin|addAllowedOriginPattern|setAllowedOrigins|setAllowedOriginPatterns)\\((?:List\\.of\\(|Arrays\\.asList\\(|Collections\\.singletonList\\()?"\\*"',
              },
            },
            { regex: 'origins\\s*=\\s*"\\*"' },
          ],
        },
      ],
    },
    matches: [
      'class A { void f(CorsRegistry registry) { registry.addMapping("/**").allowedOriginPatterns("*").allowCredentials(true); } }',
    ],
    clean: [
      'class A { void f(CorsRegistry registry) { registry.addMapping("/**").allowedOrigins("https://app.example.com").allowCredentials(true); } }',
      'class A { void f(CorsRegistry registry) { registry.addMapping("/**").allowedOrigins("*"); } }',
    ],
  },
  {
    id: 'java-file-permissions',
    severity: 'medium',
    weakness: weakness.openPermissions,
    remediation: 'Give access to the owner only: setWritable(true, true), PosixFilePermissions.fromString("rw-------").',
    keywords: ['setWritable', 'setReadable', 'setExecutable', 'PosixFilePermission'],
    match: {
      any: [
        { all: [java.call('setWritable|setExecutable'), { has: { field: 'arguments', regex: '^\\(\\s*true\\s*,\\s*false\\s*\\)$' } }] },
        { all: [java.callOn('PosixFilePermissions', 'fromString'), withArgument('".{7}w."|".{4}w.{4}"')] },
        { kind: 'field_access', regex: '^PosixFilePermission\\.OTHERS_WRITE$' },
      ],
    },
    matches: [
      'class A { void f(File file) { file.setWritable(true, false); } }',
      'class A { void f() { PosixFilePermissions.fromString("rwxrwxrwx"); } }',
    ],
    clean: [
      'class A { void f(File file) { file.setWritable(true, true); } }',
      'class A { void f() { PosixFilePermissions.fromString("rw-r--r--"); } }',
    ],
  },
  {
    id: 'java-error-exposure',
    severity: 'low',
    weakness: weakness.errorExposure,
    remediation: 'Log the exception with an id and answer with that id and a general sentence.',
    keywords: ['printStackTrace', 'getStackTrace'],
    match: { all: [java.call('printStackTrace'), withArgument('(?:response|resp|res)\\.getWriter\\(\\)|out|writer')] },
    matches: ['class A { void f(HttpServletResponse response) throws Exception { error.printStackTrace(response.getWriter()); } }'],
    clean: ['class A { void f() { error.printStackTrace(); } }', 'class A { void f() { logger.error("failed", error); } }'],
  },
]);
