import { go, rulesFor, withArgument } from '../rule.ts';
import { secretName } from './secret-name.ts';
import * as weakness from './weaknesses.ts';

export const goPlatformRules = rulesFor('go', [
  {
    id: 'go-path-traversal',
    severity: 'high',
    weakness: weakness.pathTraversal,
    remediation: 'Open it below a root: os.OpenInRoot(folder, name) of Go 1.24, or check filepath.IsLocal(name) first.',
    keywords: ['os.', 'ioutil.', 'http.ServeFile'],
    match: go.call(
      'os\\.(?:Open|OpenFile|Create|ReadFile|WriteFile|Remove|RemoveAll|ReadDir)|ioutil\\.(?:ReadFile|WriteFile|ReadDir)|http\\.ServeFile|c\\.File',
    ),
    input: { at: { argument: 'any' }, is: ['request'], cleansers: /Base$|IsLocal|[sS]anitize|[sS]afe/ },
    matches: [
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { os.ReadFile("files/" + r.URL.Query().Get("name")) }',
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { p := filepath.Join(root, r.FormValue("f")); http.ServeFile(w, r, p) }',
    ],
    clean: [
      'package a\nfunc f() { os.ReadFile("files/list.txt") }',
      'package a\nfunc f(r *http.Request) { os.Open(filepath.Join(root, filepath.Base(r.FormValue("f")))) }',
      'package a\nfunc f(p string) { os.Open(p) }',
    ],
  },
  {
    id: 'go-ssrf',
    severity: 'high',
    weakness: weakness.ssrf,
    remediation:
      'Choose the host from a fixed list, and refuse private addresses in the dialer’s Control function, where they are resolved.',
    keywords: ['http.', 'client.'],
    match: go.call(
      'http\\.(?:Get|Post|Head|PostForm|NewRequest|NewRequestWithContext)|(?:\\w*[cC]lient)\\.(?:Get|Post|Head)|net\\.Dial(?:Timeout)?',
    ),
    input: { at: { argument: 'any' }, is: ['request'], text: /^(?!.*"https?:\/\/[\w.-]+(?::\d+)?\/)/s },
    matches: [
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { http.Get(r.FormValue("url")) }',
      'package a\nfunc f(c *gin.Context) { u := "http://" + c.Query("host"); http.Get(u) }',
    ],
    clean: [
      'package a\nfunc f() { http.Get("https://api.example.com") }',
      'package a\nfunc f(r *http.Request) { http.Get("https://api.example.com/users/" + r.FormValue("id")) }',
      'package a\nfunc f(url string) { http.Get(url) }',
    ],
  },
  {
    id: 'go-open-redirect',
    severity: 'medium',
    weakness: weakness.openRedirect,
    remediation: 'Redirect to paths of this site only: one that starts with a single / and has no host when parsed.',
    keywords: ['Redirect'],
    match: go.call('http\\.Redirect|c\\.Redirect'),
    input: { at: { argument: 'any' }, is: ['request'], text: /^(?!["`](?:https?:\/\/|\/[^/"`]))/, cleansers: /[sS]afe|[vV]alid/ },
    matches: ['package a\nfunc f(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.FormValue("next"), 302) }'],
    clean: [
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", 302) }',
      'package a\nfunc f(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/users/"+r.FormValue("id"), 302) }',
    ],
  },
  {
    id: 'go-weak-hash',
    severity: 'low',
    weakness: weakness.weakHash,
    remediation: 'Use sha256.Sum256 of crypto/sha256.',
    keywords: ['crypto/md5', 'crypto/sha1', 'x/crypto/md4'],
    match: go.call('(?:md5|sha1|md4)\\.(?:New|Sum)'),
    matches: [
      'package a\nimport "crypto/md5"\nfunc f(b []byte) { md5.Sum(b) }',
      'package a\nimport "crypto/sha1"\nfunc f() { h := sha1.New(); h.Write(nil) }',
    ],
    clean: ['package a\nimport "crypto/sha256"\nfunc f(b []byte) { sha256.Sum256(b) }'],
  },
  {
    id: 'go-weak-cipher',
    severity: 'high',
    weakness: weakness.weakCipher,
    remediation: 'Use aes.NewCipher with cipher.NewGCM.',
    keywords: ['crypto/des', 'crypto/rc4'],
    match: go.call('des\\.(?:NewCipher|NewTripleDESCipher)|rc4\\.NewCipher'),
    matches: [
      'package a\nimport "crypto/des"\nfunc f(key []byte) { des.NewCipher(key) }',
      'package a\nimport "crypto/rc4"\nfunc f(key []byte) { rc4.NewCipher(key) }',
    ],
    clean: ['package a\nimport "crypto/aes"\nfunc f(key []byte) { aes.NewCipher(key) }'],
  },
  {
    id: 'go-insecure-random',
    severity: 'medium',
    weakness: weakness.insecureRandom,
    remediation: 'Use crypto/rand: rand.Text() of Go 1.24, or rand.Read.',
    keywords: ['math/rand'],
    match: {
      all: [
        go.call('rand\\.(?:Int|Intn|IntN|Int31|Int31n|Int63|Int63n|Uint32|Uint64|Float64|Perm|Read|N)'),
        {
          any: [
            {
              inside: {
                stopBy: { kind: 'block' },
                any: [{ kind: 'short_var_declaration' }, { kind: 'assignment_statement' }],
                has: { field: 'left', regex: secretName },
              },
            },
            { inside: { stopBy: 'end', kind: 'function_declaration', has: { field: 'name', regex: secretName } } },
            { inside: { stopBy: 'end', kind: 'method_declaration', has: { field: 'name', regex: secretName } } },
          ],
        },
      ],
    },
    matches: [
      'package a\nimport "math/rand"\nfunc f() { token := rand.Int63(); use(token) }',
      'package a\nimport "math/rand"\nfunc newToken() string { b := make([]byte, 8); for i := range b { b[i] = letters[rand.Intn(26)] }; return string(b) }',
    ],
    clean: [
      'package a\nimport "math/rand"\nfunc f() { delay := rand.Intn(100); use(delay) }',
      'package a\nimport "crypto/rand"\nfunc newToken() { rand.Read(b) }',
    ],
  },
  {
    id: 'go-hardcoded-key',
    severity: 'high',
    weakness: weakness.hardcodedKey,
    remediation: 'Read the key from the environment or a secret store, and change the one that stands here: it is known.',
    keywords: ['[]byte("', '[]byte(`'],
    match: {
      all: [
        go.call('.*\\.SignedString|sessions\\.NewCookieStore|aes\\.NewCipher|hmac\\.New|securecookie\\.New|csrf\\.Protect'),
        withArgument('\\[\\]byte\\((?:"[^"]{4,}"|`[^`]{4,}`)\\)'),
      ],
    },
    matches: [
      'package a\nfunc f() { token.SignedString([]byte("my-signing-secret")) }',
      'package a\nvar store = sessions.NewCookieStore([]byte("something-very-secret"))',
    ],
    clean: [
      'package a\nfunc f(key []byte) { token.SignedString(key) }',
      'package a\nvar store = sessions.NewCookieStore([]byte(os.Getenv("SESSION_KEY")))',
    ],
  },
  {
    id: 'go-jwt-unverified',
    severity: 'high',
    weakness: weakness.unverifiedToken,
    remediation: 'Use jwt.Parse with a key function and jwt.WithValidMethods([]string{"RS256"}).',
    keywords: ['ParseUnverified', 'UnsafeAllowNoneSignatureType', 'SigningMethodNone'],
    match: {
      any: [
        go.call('.*\\.ParseUnverified'),
        { kind: 'selector_expression', regex: '^jwt\\.(?:UnsafeAllowNoneSignatureType|SigningMethodNone)$' },
      ],
    },
    matches: [
      'package a\nfunc f(s string) { parser.ParseUnverified(s, claims) }',
      'package a\nfunc f() { token.SignedString(jwt.UnsafeAllowNoneSignatureType) }',
    ],
    clean: ['package a\nfunc f(s string) { jwt.Parse(s, keyFunc, jwt.WithValidMethods(methods)) }'],
  },
  {
    id: 'go-tls-verification-off',
    severity: 'high',
    weakness: weakness.tlsVerificationOff,
    remediation: 'Leave InsecureSkipVerify out; for a private authority set RootCAs.',
    keywords: ['InsecureSkipVerify'],
    match: {
      any: [
        go.field('InsecureSkipVerify', 'true'),
        {
          kind: 'assignment_statement',
          all: [{ has: { field: 'left', regex: '\\.InsecureSkipVerify$' } }, { has: { field: 'right', regex: '^true$' } }],
        },
      ],
    },
    matches: ['package a\nvar c = &tls.Config{InsecureSkipVerify: true}', 'package a\nfunc f() { config.InsecureSkipVerify = true }'],
    clean: ['package a\nvar c = &tls.Config{InsecureSkipVerify: false}', 'package a\nvar c = &tls.Config{RootCAs: pool}'],
  },
  {
    id: 'go-ssh-host-key',
    severity: 'high',
    weakness: weakness.tlsVerificationOff,
    remediation: 'Check against known hosts: knownhosts.New(path) of golang.org/x/crypto/ssh/knownhosts.',
    keywords: ['InsecureIgnoreHostKey'],
    match: go.call('ssh\\.InsecureIgnoreHostKey'),
    matches: ['package a\nvar c = &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()}'],
    clean: ['package a\nvar c = &ssh.ClientConfig{HostKeyCallback: callback}'],
  },
  {
    id: 'go-old-tls',
    severity: 'medium',
    weakness: weakness.oldTls,
    remediation: 'Leave MinVersion out (TLS 1.2 is the default) or set tls.VersionTLS12 or tls.VersionTLS13.',
    keywords: ['MinVersion', 'MaxVersion'],
    match: go.field('MinVersion|MaxVersion', 'tls\\.Version(?:SSL30|TLS10|TLS11)'),
    matches: ['package a\nvar c = &tls.Config{MinVersion: tls.VersionTLS10}'],
    clean: ['package a\nvar c = &tls.Config{MinVersion: tls.VersionTLS12}'],
  },
  {
    id: 'go-cors-credentials',
    severity: 'high',
    weakness: weakness.corsWithCredentials,
    remediation: 'List the origins that may call with credentials.',
    keywords: ['AllowCredentials'],
    match: {
      kind: 'literal_value',
      all: [
        { has: { ...go.field('AllowCredentials', 'true') } },
        {
          any: [
            { has: { ...go.field('AllowAllOrigins', 'true') } },
            { has: { ...go.field('AllowOrigins|AllowedOrigins', '\\[\\]string\\{\\s*"\\*".*\\}') } },
            { has: { ...go.field('AllowOriginFunc', 'func\\(.*\\)\\s*bool\\s*\\{\\s*return true\\s*\\}') } },
          ],
        },
      ],
    },
    matches: [
      'package a\nvar c = cors.Config{AllowAllOrigins: true, AllowCredentials: true}',
      'package a\nvar c = cors.Options{AllowedOrigins: []string{"*"}, AllowCredentials: true}',
    ],
    clean: [
      'package a\nvar c = cors.Config{AllowAllOrigins: true}',
      'package a\nvar c = cors.Options{AllowedOrigins: []string{"https://app.example.com"}, AllowCredentials: true}',
    ],
  },
  {
    id: 'go-cookie-flags',
    severity: 'medium',
    weakness: weakness.cookieFlags,
    remediation: 'Set HttpOnly: true, Secure: true and SameSite.',
    keywords: ['Cookie'],
    match: {
      all: [
        go.field('HttpOnly|Secure', 'false'),
        { inside: { stopBy: 'end', kind: 'composite_literal', has: { field: 'type', regex: 'Cookie|sessions\\.Options' } } },
      ],
    },
    matches: ['package a\nvar c = http.Cookie{Name: "sid", HttpOnly: false}'],
    clean: [
      'package a\nvar c = http.Cookie{Name: "sid", HttpOnly: true, Secure: true}',
      'package a\nvar c = minio.Options{Secure: false, Cookie: "x"}',
    ],
  },
  {
    id: 'go-pprof',
    severity: 'low',
    weakness: weakness.debugMode,
    remediation: 'Serve the profiles on a loopback port of their own, with a mux of their own.',
    keywords: ['net/http/pprof'],
    match: { kind: 'import_spec', regex: '^_\\s+"net/http/pprof"$' },
    matches: ['package a\nimport _ "net/http/pprof"'],
    clean: ['package a\nimport "runtime/pprof"', 'package a\nimport "net/http/pprof"\nfunc f() { mux.HandleFunc("/p", pprof.Index) }'],
  },
  {
    id: 'go-bind-all',
    severity: 'low',
    weakness: weakness.bindAll,
    remediation: 'Listen on 127.0.0.1 behind a proxy, or take the address from the configuration.',
    keywords: ['0.0.0.0'],
    match: { all: [go.call('(?:net|tls)\\.Listen|http\\.ListenAndServe(?:TLS)?'), withArgument('"0\\.0\\.0\\.0:\\d+"')] },
    matches: ['package a\nfunc f() { net.Listen("tcp", "0.0.0.0:8080") }'],
    clean: ['package a\nfunc f() { net.Listen("tcp", "127.0.0.1:8080") }', 'package a\nfunc f(a string) { net.Listen("tcp", a) }'],
  },
  {
    id: 'go-predictable-temp-file',
    severity: 'medium',
    weakness: weakness.predictableTempFile,
    remediation: 'Use os.CreateTemp or os.MkdirTemp.',
    keywords: ['/tmp/'],
    match: {
      all: [
        go.call('os\\.(?:Create|WriteFile|OpenFile|Mkdir|MkdirAll)|ioutil\\.WriteFile'),
        { has: { field: 'arguments', has: { nthChild: 1, regex: '^["`]/tmp/' } } },
      ],
    },
    matches: ['package a\nfunc f(b []byte) { os.WriteFile("/tmp/report", b, 0o600) }'],
    clean: ['package a\nfunc f() { os.CreateTemp("", "report") }', 'package a\nfunc f() { os.ReadFile("/tmp/report") }'],
  },
  {
    id: 'go-file-permissions',
    severity: 'medium',
    weakness: weakness.openPermissions,
    remediation: 'Give write access to the owner only: 0o600 for files, 0o700 or 0o755 for folders.',
    keywords: ['os.', 'ioutil.'],
    match: {
      any: [
        { all: [go.call('os\\.Chmod|\\w+\\.Chmod'), withArgument('0o?[0-7]?[0-7][0-7][2367]|os\\.ModePerm')] },
        { all: [go.call('os\\.(?:WriteFile|OpenFile)|ioutil\\.WriteFile'), withArgument('0o?777|os\\.ModePerm')] },
      ],
    },
    matches: [
      'package a\nfunc f() { os.Chmod(path, 0777) }',
      'package a\nfunc f(b []byte) { os.WriteFile(path, b, 0o777) }',
      'package a\nfunc f(f *os.File) { f.Chmod(os.ModePerm) }',
    ],
    clean: [
      'package a\nfunc f() { os.Chmod(path, 0600) }',
      'package a\nfunc f() { os.MkdirAll(path, 0o777) }',
      'package a\nfunc f(b []byte) { os.WriteFile(path, b, 0o644) }',
    ],
  },
]);
