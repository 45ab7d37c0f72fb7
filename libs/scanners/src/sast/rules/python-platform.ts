import { python, rulesFor, withArgument } from '../rule.ts';
import { secretName } from './secret-name.ts';
import * as weakness from './weaknesses.ts';

/** A variable, an attribute or an item called so, encoded or not. */
const passwordText = '(?i)(?:.*[.\\[\'"])?\\w*(?:password|passwd|pwd)\\w*(?:[\'"]\\])?(?:\\.encode\\(.*\\))?';

export const pythonPlatformRules = rulesFor('python', [
  {
    id: 'py-path-traversal',
    severity: 'high',
    weakness: weakness.pathTraversal,
    remediation:
      'Use send_from_directory, or resolve the path and check that it is below the intended folder: path.resolve().is_relative_to(root).',
    keywords: ['open(', 'send_file', 'FileResponse', 'os.remove', 'os.unlink', 'rmtree', 'Path('],
    match: {
      any: [
        python.call(
          '(?:io\\.|codecs\\.|os\\.)?open|(?:flask\\.)?send_file|FileResponse|os\\.(?:remove|unlink|listdir)|shutil\\.(?:rmtree|copy|copyfile|move)',
        ),
      ],
    },
    input: { at: { argument: 0 }, is: ['request'], cleansers: /secure_filename|basename|safe_join/ },
    matches: [
      'open("files/" + request.args["name"])',
      '@app.route("/f/<path:name>")\ndef f(name):\n    return send_file(os.path.join(ROOT, name))',
    ],
    clean: [
      'open("files/list.txt")',
      'open(os.path.join(ROOT, secure_filename(request.args["name"])))',
      'def read(path):\n    return open(path)',
    ],
  },
  {
    id: 'py-ssrf',
    severity: 'high',
    weakness: weakness.ssrf,
    remediation: 'Choose the host from a fixed list, resolve it and refuse private addresses, and pass allow_redirects=False.',
    keywords: ['requests.', 'urlopen', 'httpx.', 'aiohttp', 'session.'],
    match: python.call(
      '(?:requests|httpx)\\.(?:get|post|put|patch|delete|head|request|stream)|(?:urllib\\.request\\.|urllib2\\.)?urlopen|(?:session|client)\\.(?:get|post)',
    ),
    input: { at: { argument: 0 }, is: ['request'] },
    matches: [
      'requests.get(request.args["url"])',
      'def fetch():\n    url = "http://" + request.form["host"]\n    return urllib.request.urlopen(url)',
    ],
    clean: [
      'requests.get("https://api.example.com")',
      'requests.post("https://api.example.com", json=request.json)',
      'session.get("user")',
    ],
  },
  {
    id: 'py-open-redirect',
    severity: 'medium',
    weakness: weakness.openRedirect,
    remediation: 'Redirect with url_for or to paths of this site only; in Django check with url_has_allowed_host_and_scheme.',
    keywords: ['redirect', 'HttpResponseRedirect'],
    match: python.call('(?:flask\\.)?redirect|HttpResponseRedirect|RedirectResponse'),
    input: {
      at: { argument: 0 },
      is: ['request'],
      text: /^(?![rbfu]*["'](?:https?:\/\/|\/[^/"']))/i,
      cleansers: /url_for|reverse|safe|validate/,
    },
    matches: [
      'redirect(request.args.get("next"))',
      'def login():\n    target = request.GET["next"]\n    return HttpResponseRedirect(target)',
    ],
    clean: ['redirect(url_for("index"))', 'redirect("/users/" + request.args["id"])', 'redirect("/")'],
  },
  {
    id: 'py-pickle',
    severity: 'medium',
    weakness: weakness.unsafeDeserialization,
    remediation: 'Use JSON for data that leaves the process; for models use a format without code, such as safetensors.',
    keywords: ['pickle', 'dill', 'shelve', 'jsonpickle'],
    match: python.call(
      '(?:c?[pP]ickle|_pickle|dill|cloudpickle)\\.(?:load|loads)|(?:c?[pP]ickle|_pickle)\\.Unpickler|jsonpickle\\.decode|shelve\\.open',
    ),
    input: { at: { argument: 0 }, is: ['dynamic'] },
    matches: ['pickle.loads(data)', 'pickle.load(open(path, "rb"))', 'jsonpickle.decode(body)'],
    clean: ['pickle.dumps(data)', 'json.loads(data)'],
  },
  {
    id: 'py-yaml-load',
    severity: 'high',
    weakness: weakness.unsafeDeserialization,
    remediation: 'Use yaml.safe_load, which makes plain values only.',
    keywords: ['yaml'],
    match: {
      all: [
        python.call('yaml\\.(?:load|load_all|unsafe_load|full_load)'),
        { not: withArgument('(?:.*[=.\\s])?(?:CSafeLoader|SafeLoader|BaseLoader|CBaseLoader)') },
      ],
    },
    input: { at: { argument: 0 }, is: ['dynamic'] },
    matches: ['yaml.load(text)', 'yaml.load(stream, Loader=yaml.Loader)', 'yaml.unsafe_load(text)'],
    clean: ['yaml.safe_load(text)', 'yaml.load(text, Loader=yaml.SafeLoader)', 'yaml.load(text, SafeLoader)'],
  },
  {
    id: 'py-archive-extract',
    severity: 'medium',
    weakness: weakness.archiveTraversal,
    remediation: 'Pass filter="data" (Python 3.12, and the security releases of older ones), which refuses paths and links that lead out.',
    keywords: ['tarfile'],
    match: { all: [python.call('.*\\.extractall'), { not: python.anyKeyword('filter|members') }] },
    matches: ['import tarfile\nwith tarfile.open(path) as archive:\n    archive.extractall(target)'],
    clean: [
      'import tarfile\narchive.extractall(target, filter="data")',
      'import tarfile\narchive.extract("a.txt")',
      'import zipfile\nzipfile.ZipFile(path).extractall(target)',
    ],
  },
  {
    id: 'py-xxe',
    severity: 'high',
    weakness: weakness.xxe,
    remediation: 'Parse with defusedxml, or lxml.etree.XMLParser(resolve_entities=False, no_network=True).',
    keywords: ['resolve_entities', 'feature_external_ges', 'load_dtd', 'no_network'],
    match: {
      any: [
        {
          all: [
            { kind: 'call' },
            {
              any: [
                python.withKeyword('resolve_entities', 'True'),
                python.withKeyword('load_dtd', 'True'),
                python.withKeyword('no_network', 'False'),
              ],
            },
          ],
        },
        { all: [python.call('.*\\.setFeature'), withArgument('(?:.*\\.)?feature_external_(?:ges|pes)'), withArgument('True|1')] },
      ],
    },
    matches: ['parser = etree.XMLParser(resolve_entities=True)', 'parser.setFeature(feature_external_ges, True)'],
    clean: ['parser = etree.XMLParser(resolve_entities=False)', 'parser.setFeature(feature_external_ges, False)'],
  },
  {
    id: 'py-weak-hash',
    severity: 'low',
    weakness: weakness.weakHash,
    remediation: 'Use hashlib.sha256; for a checksum without an adversary pass usedforsecurity=False.',
    keywords: ['md5', 'sha1', 'MD5', 'SHA1', 'MD4'],
    match: {
      all: [
        {
          any: [
            python.call('hashlib\\.(?:md4|md5|sha1)'),
            { all: [python.call('hashlib\\.new'), withArgument('[\'"](?i:md4|md5|sha1)[\'"]')] },
            python.call('(?:hashes\\.)(?:MD5|SHA1)'),
            python.call('(?:MD5|MD4|SHA1)\\.new'),
          ],
        },
        { not: python.withKeyword('usedforsecurity', 'False') },
        { not: withArgument(passwordText) },
      ],
    },
    matches: ['hashlib.md5(data).hexdigest()', 'hashlib.new("sha1", data)', 'hashes.MD5()'],
    clean: ['hashlib.sha256(data)', 'hashlib.md5(data, usedforsecurity=False)', 'hashlib.md5(password)'],
  },
  {
    id: 'py-weak-password-hash',
    severity: 'high',
    weakness: weakness.weakPasswordHash,
    remediation: 'Use argon2-cffi, bcrypt, or hashlib.scrypt with a salt for each password.',
    keywords: ['hashlib'],
    match: {
      all: [python.call('hashlib\\.(?:md5|sha1|sha224|sha256|sha384|sha512)'), withArgument(passwordText)],
    },
    matches: ['hashlib.sha256(password.encode()).hexdigest()', 'hashlib.md5(user.password.encode("utf-8"))'],
    clean: ['hashlib.sha256(content).hexdigest()', 'hashlib.scrypt(password, salt=salt, n=2**15, r=8, p=1)'],
  },
  {
    id: 'py-weak-cipher',
    severity: 'high',
    weakness: weakness.weakCipher,
    remediation: 'Use AESGCM from the cryptography package, or AES.new(key, AES.MODE_GCM).',
    keywords: ['DES', 'ARC4', 'ARC2', 'Blowfish', 'ECB', 'IDEA', 'TripleDES'],
    match: {
      any: [
        python.call(
          '(?:\\w+\\.)*(?:DES|DES3|ARC4|ARC2|Blowfish|CAST)\\.new|(?:\\w+\\.)*algorithms\\.(?:ARC4|TripleDES|Blowfish|IDEA|CAST5)|(?:\\w+\\.)*modes\\.ECB',
        ),
        { all: [python.call('AES\\.new'), withArgument('AES\\.MODE_ECB|mode\\s*=\\s*AES\\.MODE_ECB')] },
      ],
    },
    matches: ['cipher = DES.new(key, DES.MODE_CBC, iv)', 'Cipher(algorithms.AES(key), modes.ECB())', 'AES.new(key, AES.MODE_ECB)'],
    clean: ['AES.new(key, AES.MODE_GCM)', 'Cipher(algorithms.AES(key), modes.GCM(iv))'],
  },
  {
    id: 'py-insecure-random',
    severity: 'medium',
    weakness: weakness.insecureRandom,
    remediation: 'Use the secrets module: secrets.token_urlsafe(32).',
    keywords: ['random.'],
    match: {
      all: [
        python.call('random\\.(?:random|randint|randrange|choice|choices|sample|getrandbits|shuffle|uniform)'),
        {
          any: [
            { inside: { stopBy: { kind: 'block' }, kind: 'assignment', has: { field: 'left', regex: secretName } } },
            { inside: { stopBy: { kind: 'block' }, kind: 'keyword_argument', has: { field: 'name', regex: secretName } } },
            {
              inside: {
                stopBy: { kind: 'block' },
                kind: 'return_statement',
                inside: { stopBy: { kind: 'class_definition' }, kind: 'function_definition', has: { field: 'name', regex: secretName } },
              },
            },
          ],
        },
      ],
    },
    matches: [
      'token = "".join(random.choice(LETTERS) for _ in range(32))',
      'def make_token():\n    return random.getrandbits(128)',
      'User(reset_code=random.randint(1000, 9999))',
    ],
    clean: ['delay = random.random()', 'token = secrets.token_hex(16)', 'def jitter():\n    return random.random()'],
  },
  {
    id: 'py-hardcoded-key',
    severity: 'high',
    weakness: weakness.hardcodedKey,
    remediation: 'Read the key from the environment or a secret store, and change the one that stands here: it is known.',
    keywords: ['secret_key', 'SECRET_KEY', 'jwt', 'hmac', 'Fernet'],
    match: {
      any: [
        {
          kind: 'assignment',
          all: [
            { has: { field: 'left', regex: '(?:^|\\.)(?:secret_key|SECRET_KEY)$|\\[[\'"](?:SECRET_KEY|JWT_SECRET_KEY)[\'"]\\]$' } },
            { has: { field: 'right', kind: 'string', regex: '^[rbu]*[\'"][^\'"]{6,}[\'"]$' } },
          ],
        },
        { all: [python.call('jwt\\.(?:encode|decode)'), { has: { field: 'arguments', has: { nthChild: 2, kind: 'string' } } }] },
        { all: [python.call('hmac\\.new|Fernet'), { has: { field: 'arguments', has: { nthChild: 1, kind: 'string' } } }] },
      ],
    },
    matches: [
      'app.secret_key = "a-very-secret-key"',
      'app.config["SECRET_KEY"] = "a-very-secret-key"',
      'jwt.encode(payload, "signing-secret", algorithm="HS256")',
      'hmac.new(b"key", data, "sha256")',
    ],
    clean: ['app.secret_key = os.environ["SECRET_KEY"]', 'jwt.encode(payload, key)', 'hmac.new(key, b"text", "sha256")', 'SECRET_KEY = ""'],
  },
  {
    id: 'py-jwt-unverified',
    severity: 'high',
    weakness: weakness.unverifiedToken,
    remediation: 'Verify the signature: jwt.decode(token, key, algorithms=["RS256"]).',
    keywords: ['jwt'],
    match: {
      all: [
        python.call('(?:jwt|jose\\.jwt)\\.decode'),
        {
          any: [
            python.withKeyword('verify', 'False'),
            python.withKeyword('options', '.*[\'"]verify_signature[\'"]\\s*:\\s*False.*'),
            python.withKeyword('algorithms', '.*[\'"](?i:none)[\'"].*'),
          ],
        },
      ],
    },
    matches: [
      'jwt.decode(token, options={"verify_signature": False})',
      'jwt.decode(token, key, verify=False)',
      'jwt.decode(token, key, algorithms=["none"])',
    ],
    clean: ['jwt.decode(token, key, algorithms=["RS256"])', 'jwt.decode(token, key, options={"verify_aud": False})'],
  },
  {
    id: 'py-tls-verification-off',
    severity: 'high',
    weakness: weakness.tlsVerificationOff,
    remediation:
      'Leave the check on; for a private authority pass its certificate: verify="/etc/ssl/ca.pem", or ssl.create_default_context(cafile=…).',
    keywords: ['verify', '_create_unverified_context', 'CERT_NONE', 'check_hostname'],
    match: {
      any: [
        {
          all: [
            python.call('(?:requests|httpx|session|client|self\\.session)\\.\\w+|(?:requests\\.)?Session|httpx\\.(?:Async)?Client'),
            python.withKeyword('verify', 'False'),
          ],
        },
        python.call('ssl\\._create_unverified_context'),
        {
          kind: 'assignment',
          all: [{ has: { field: 'left', regex: '\\.check_hostname$' } }, { has: { field: 'right', regex: '^False$' } }],
        },
        {
          kind: 'assignment',
          all: [{ has: { field: 'left', regex: '\\.verify_mode$' } }, { has: { field: 'right', regex: '^(?:ssl\\.)?CERT_NONE$' } }],
        },
        {
          kind: 'assignment',
          all: [
            { has: { field: 'left', regex: '^ssl\\._create_default_https_context$' } },
            { has: { field: 'right', regex: 'unverified' } },
          ],
        },
      ],
    },
    matches: [
      'requests.get(url, verify=False)',
      'context = ssl._create_unverified_context()',
      'context.check_hostname = False',
      'context.verify_mode = ssl.CERT_NONE',
    ],
    clean: ['requests.get(url, verify="/etc/ca.pem")', 'requests.get(url)', 'context.verify_mode = ssl.CERT_REQUIRED'],
  },
  {
    id: 'py-ssh-host-key',
    severity: 'high',
    weakness: weakness.tlsVerificationOff,
    remediation: 'Load the known hosts and keep RejectPolicy: client.load_system_host_keys().',
    keywords: ['set_missing_host_key_policy'],
    match: { all: [python.call('.*\\.set_missing_host_key_policy'), withArgument('(?:.*\\.)?(?:AutoAddPolicy|WarningPolicy)(?:\\(\\))?')] },
    matches: ['client.set_missing_host_key_policy(paramiko.AutoAddPolicy())'],
    clean: ['client.set_missing_host_key_policy(paramiko.RejectPolicy())'],
  },
  {
    id: 'py-debug-mode',
    severity: 'medium',
    weakness: weakness.debugMode,
    remediation: 'Switch debugging on by the environment of the developer’s machine only: flask --debug run.',
    keywords: ['debug', 'DEBUG'],
    match: {
      any: [
        { all: [python.call('(?:\\w+\\.)*(?:app|application|socketio)\\.run|uvicorn\\.run'), python.withKeyword('debug', 'True')] },
        {
          kind: 'assignment',
          all: [
            { has: { field: 'left', regex: '^(?:app\\.debug|app\\.config\\[[\'"]DEBUG[\'"]\\])$' } },
            { has: { field: 'right', regex: '^True$' } },
          ],
        },
      ],
    },
    matches: ['app.run(host="127.0.0.1", debug=True)', 'app.config["DEBUG"] = True'],
    clean: ['app.run(debug=False)', 'app.run()', 'app.run(debug=settings.debug)'],
  },
  {
    id: 'py-bind-all',
    severity: 'low',
    weakness: weakness.bindAll,
    remediation: 'Bind to 127.0.0.1 and let a proxy face the network, or take the address from the configuration.',
    keywords: ['0.0.0.0'],
    match: {
      any: [
        {
          all: [
            python.call('.*\\.(?:run|serve|create_server|start_server|run_app)|run|serve'),
            python.withKeyword('host', '[\'"]0\\.0\\.0\\.0[\'"]'),
          ],
        },
        {
          all: [
            python.call('.*\\.bind'),
            { has: { field: 'arguments', has: { kind: 'tuple', regex: '^\\(\\s*[\'"]0\\.0\\.0\\.0[\'"]' } } },
          ],
        },
      ],
    },
    matches: ['app.run(host="0.0.0.0", port=80)', 'sock.bind(("0.0.0.0", 8080))'],
    clean: ['app.run(host="127.0.0.1")', 'sock.bind((host, 8080))'],
  },
  {
    id: 'py-predictable-temp-file',
    severity: 'medium',
    weakness: weakness.predictableTempFile,
    remediation: 'Use tempfile.NamedTemporaryFile or tempfile.mkdtemp, which create the file and its name in one step.',
    keywords: ['mktemp', '/tmp/'],
    match: {
      any: [
        python.call('tempfile\\.mktemp|os\\.(?:tmpnam|tempnam)'),
        {
          all: [
            python.call('open'),
            { has: { field: 'arguments', has: { nthChild: 1, regex: '^f?[\'"]/tmp/' } } },
            { has: { field: 'arguments', has: { nthChild: 2, regex: '[\'"][wax]' } } },
          ],
        },
      ],
    },
    matches: ['path = tempfile.mktemp()', 'with open("/tmp/report.txt", "w") as file:\n    file.write(text)'],
    clean: ['with tempfile.NamedTemporaryFile() as file:\n    pass', 'open("/tmp/report.txt")'],
  },
  {
    id: 'py-file-permissions',
    severity: 'medium',
    weakness: weakness.openPermissions,
    remediation: 'Give write access to the owner only: 0o600 for files, 0o700 for folders and programs.',
    keywords: ['chmod', 'umask'],
    match: {
      any: [
        {
          all: [
            python.call('os\\.(?:chmod|fchmod|lchmod)|.*\\.chmod'),
            withArgument('0o?[0-7]?[0-7][2367][2367]|0o?[0-7]?[0-7][0-7][2367]|511|438'),
          ],
        },
        { all: [python.call('os\\.umask'), withArgument('0|0o0+')] },
      ],
    },
    matches: ['os.chmod(path, 0o777)', 'path.chmod(0o666)', 'os.umask(0)'],
    clean: ['os.chmod(path, 0o600)', 'os.chmod(path, 0o755)', 'os.chmod(path, stat.S_IRUSR)'],
  },
  {
    id: 'py-cors-credentials',
    severity: 'high',
    weakness: weakness.corsWithCredentials,
    remediation: 'List the origins that may call with credentials.',
    keywords: ['CORS'],
    match: {
      all: [
        { kind: 'call' },
        { any: [python.withKeyword('supports_credentials', 'True'), python.withKeyword('allow_credentials', 'True')] },
        {
          any: [
            python.withKeyword('origins|allow_origins', '\\[?\\s*[\'"]\\*[\'"]\\s*\\]?'),
            python.withKeyword('allow_origin_regex', '[\'"]\\.\\*[\'"]'),
          ],
        },
      ],
    },
    matches: [
      'CORS(app, origins="*", supports_credentials=True)',
      'app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)',
    ],
    clean: [
      'CORS(app, origins="*")',
      'app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"], allow_credentials=True)',
    ],
  },
  {
    id: 'py-cookie-flags',
    severity: 'medium',
    weakness: weakness.cookieFlags,
    remediation:
      'Pass secure=True, httponly=True, samesite="Lax"; in Flask and Django set SESSION_COOKIE_SECURE and SESSION_COOKIE_HTTPONLY to True.',
    keywords: ['cookie', 'COOKIE'],
    match: {
      any: [
        {
          all: [python.call('.*\\.set_cookie'), { any: [python.withKeyword('secure', 'False'), python.withKeyword('httponly', 'False')] }],
        },
        {
          kind: 'assignment',
          all: [
            { has: { field: 'left', regex: '(?:SESSION|CSRF|REMEMBER)_COOKIE_(?:SECURE|HTTPONLY)(?:[\'"]\\])?$' } },
            { has: { field: 'right', regex: '^False$' } },
          ],
        },
      ],
    },
    matches: [
      'response.set_cookie("sid", sid, httponly=False)',
      'SESSION_COOKIE_SECURE = False',
      'app.config["SESSION_COOKIE_HTTPONLY"] = False',
    ],
    clean: ['response.set_cookie("sid", sid, secure=True, httponly=True)', 'SESSION_COOKIE_SECURE = True'],
  },
  {
    id: 'py-csrf-off',
    severity: 'medium',
    weakness: weakness.csrfOff,
    remediation: 'Leave the protection on; give calls by programs a token in a header instead of cookies.',
    keywords: ['csrf_exempt', 'WTF_CSRF_ENABLED'],
    match: {
      any: [
        { kind: 'decorator', regex: '^@(?:csrf\\.exempt|csrf_exempt)$' },
        { kind: 'assignment', all: [{ has: { field: 'left', regex: 'WTF_CSRF_ENABLED' } }, { has: { field: 'right', regex: '^False$' } }] },
      ],
    },
    matches: ['@csrf_exempt\ndef transfer(request):\n    pass', 'app.config["WTF_CSRF_ENABLED"] = False'],
    clean: ['@login_required\ndef transfer(request):\n    pass', 'app.config["WTF_CSRF_ENABLED"] = True'],
  },
  {
    id: 'py-error-exposure',
    severity: 'low',
    weakness: weakness.errorExposure,
    remediation: 'Log the traceback with an id and answer with that id and a general sentence.',
    keywords: ['traceback.format_exc'],
    match: { kind: 'return_statement', has: { stopBy: 'end', ...python.call('traceback\\.format_exc') } },
    matches: [
      'def view():\n    return "failed: " + traceback.format_exc(), 500',
      'def view():\n    return jsonify(error=traceback.format_exc())',
    ],
    clean: ['def view():\n    logger.error(traceback.format_exc())\n    return "failed", 500'],
  },
]);
