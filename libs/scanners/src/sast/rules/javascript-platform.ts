import { js, rulesFor, withArgument } from '../rule.ts';
import { secretName } from './secret-name.ts';
import * as weakness from './weaknesses.ts';

export const javascriptPlatformRules = rulesFor('javascript', [
  {
    id: 'js-path-traversal',
    severity: 'high',
    weakness: weakness.pathTraversal,
    remediation: 'Resolve the path and check that it starts with the intended folder, use path.basename, or res.sendFile(name, { root }).',
    keywords: [
      'readFile',
      'createReadStream',
      'createWriteStream',
      'writeFile',
      'sendFile',
      'download(',
      'unlink',
      'readdir',
      'rmSync',
      '.rm(',
    ],
    match: {
      all: [
        js.call(
          '(?:fs|fsp|fs\\.promises|fsPromises|res|response)\\.(?:readFile|readFileSync|createReadStream|createWriteStream|writeFile|writeFileSync|unlink|unlinkSync|readdir|readdirSync|rm|rmSync|sendFile|download|appendFile)|readFile(?:Sync)?|writeFile(?:Sync)?|createReadStream|createWriteStream',
        ),
        { not: js.holding({ kind: 'pair', has: { field: 'key', regex: '^root$' } }) },
      ],
    },
    input: { at: { argument: 0 }, is: ['request'], cleansers: /basename|sanitize|safe/i },
    matches: [
      'fs.readFile("./files/" + req.params.name, done);',
      'app.get("/f", (req, res) => { const file = path.join(root, req.query.file); res.sendFile(file); });',
    ],
    clean: [
      'fs.readFile("./files/list.txt", done);',
      'fs.readFile(path.join(root, path.basename(req.params.name)), done);',
      'res.sendFile(req.params.name, { root: "/srv/files" });',
      'fs.readFile(file, done);',
    ],
  },
  {
    id: 'js-ssrf',
    severity: 'high',
    weakness: weakness.ssrf,
    remediation: 'Choose the host from a fixed list, resolve it and refuse private addresses, and do not follow redirects blindly.',
    keywords: ['fetch', 'axios', 'got', 'request', 'http', 'superagent', 'needle'],
    match: js.call(
      'fetch|axios|axios\\.(?:get|post|put|delete|head|request)|got|got\\.\\w+|needle(?:\\.get)?|superagent\\.get|https?\\.(?:get|request)|undici\\.(?:fetch|request)',
    ),
    input: { at: { argument: 0 }, is: ['request'], cleansers: /allow|safe|validate/i },
    matches: [
      'const answer = await fetch(req.query.url);',
      'axios.get("http://" + req.body.host + "/status");',
      'const { url } = req.query; http.get(url, pipe);',
    ],
    clean: [
      'fetch("https://api.example.com/v1");',
      'fetch(`https://api.example.com/users/${encodeURIComponent(req.params.id)}`);',
      'axios.post("https://api.example.com", req.body);',
    ],
  },
  {
    id: 'js-open-redirect',
    severity: 'medium',
    weakness: weakness.openRedirect,
    remediation: 'Redirect to paths of this site only (one that starts with a single /), or choose the target from a fixed list.',
    keywords: ['redirect', 'location'],
    match: {
      any: [
        js.call('(?:res|response|reply|ctx)\\.redirect'),
        { kind: 'assignment_expression', has: { field: 'left', regex: '^(?:window\\.|document\\.)?location(?:\\.href)?$' } },
      ],
    },
    input: {
      at: { argument: 'any' },
      is: ['request'],
      cleansers: /safe|sanitize|validate/i,
      text: /^(?!["'`](?:https?:\/\/[^"'`]+|\/[^/"'`][^"'`]*))/,
    },
    matches: ['res.redirect(req.query.next);', 'const to = req.query.returnTo || "/"; res.redirect(302, to);'],
    clean: ['res.redirect("/login");', 'res.redirect("/users/" + req.params.id);', 'res.redirect(user.homepage);'],
  },
  {
    id: 'js-unsafe-deserialization',
    severity: 'critical',
    weakness: weakness.unsafeDeserialization,
    remediation: 'Use JSON.parse and check the result against a schema.',
    keywords: ['unserialize', 'funcster', 'cryo'],
    match: js.call('(?:.*\\.)?unserialize|funcster\\.deepDeserialize|cryo\\.parse'),
    input: { at: { argument: 0 }, is: ['dynamic'] },
    matches: ['const user = serialize.unserialize(req.cookies.profile);', 'cryo.parse(text);'],
    clean: ['JSON.parse(req.cookies.profile);', 'serialize.serialize(user);'],
  },
  {
    id: 'js-prototype-pollution',
    severity: 'high',
    weakness: weakness.prototypePollution,
    remediation: 'Keep keys from outside in a Map or in Object.create(null), and refuse __proto__, constructor and prototype.',
    keywords: ['req.', 'request.', 'ctx.', 'location.'],
    match: { kind: 'assignment_expression', has: { field: 'left', kind: 'subscript_expression' } },
    input: { at: { field: 'left.index' }, is: ['request'] },
    matches: ['settings[req.body.section][req.body.key] = req.body.value;', 'const { key } = req.query; options[key] = true;'],
    clean: ['settings["theme"] = req.body.theme;', 'counts[index] = 1;', 'settings.set(req.body.key, 1);'],
  },
  {
    id: 'js-merge-request',
    severity: 'medium',
    weakness: weakness.prototypePollution,
    remediation: 'Merge the fields you know, one by one, or check the body against a schema without further properties.',
    keywords: ['merge', 'defaultsDeep', 'extend'],
    match: js.call('(?:_|lodash)\\.(?:merge|mergeWith|defaultsDeep|set)|merge|deepmerge|(?:\\$|jQuery)\\.extend'),
    input: { at: { argument: 'any' }, is: ['request'], cleansers: /sanitize|validate|pick/i },
    matches: ['_.merge(settings, req.body);', '$.extend(true, {}, JSON.parse(location.hash.slice(1)));'],
    clean: ['_.merge(settings, defaults);', '_.merge({}, { theme: "dark" });', 'git.merge(branch);'],
  },
  {
    id: 'js-mass-assignment',
    severity: 'medium',
    weakness: weakness.massAssignment,
    remediation: 'Name the fields that a caller may set: const { name, email } = req.body; User.create({ name, email }).',
    keywords: ['req.body', 'request.body'],
    match: {
      any: [
        {
          all: [
            js.call(
              '[A-Z]\\w*\\.(?:create|build|insert|insertOne|insertMany|update|updateOne|findByIdAndUpdate)|\\w+\\.(?:assign|fill|set)',
            ),
            withArgument('(?:req|request|ctx\\.request)\\.body'),
          ],
        },
        { all: [js.create('[A-Z]\\w*'), withArgument('(?:req|request|ctx\\.request)\\.body')] },
      ],
    },
    matches: ['const user = await User.create(req.body);', 'const user = new User(req.body);', 'User.findByIdAndUpdate(id, req.body);'],
    clean: ['User.create({ name: req.body.name });', 'validate(req.body);', 'schema.parse(req.body);'],
  },
  {
    id: 'js-xxe',
    severity: 'high',
    weakness: weakness.xxe,
    remediation: 'Leave noent and dtdload out; libxmljs resolves no entities by default.',
    keywords: ['noent', 'dtdload'],
    match: { any: [js.property('noent', 'true'), js.property('dtdload', 'true')] },
    matches: ['libxmljs.parseXml(text, { noent: true });'],
    clean: ['libxmljs.parseXml(text, { noent: false });', 'libxmljs.parseXml(text);'],
  },
  {
    id: 'js-weak-hash',
    severity: 'low',
    weakness: weakness.weakHash,
    remediation: 'Use createHash("sha256"); for a checksum without an adversary, say so in a comment and suppress this rule there.',
    keywords: ['createHash', 'createHmac', 'CryptoJS'],
    match: {
      any: [
        { all: [js.call('(?:.*\\.)?createHash'), withArgument('[\'"`](?i:md4|md5|sha1|sha-1|ripemd160)[\'"`]')] },
        js.call('CryptoJS\\.(?:MD5|SHA1)'),
      ],
    },
    matches: ['crypto.createHash("md5").update(text);', "createHash('SHA1');", 'CryptoJS.MD5(text);'],
    clean: ['crypto.createHash("sha256").update(text);', 'createHash(algorithm);'],
  },
  {
    id: 'js-weak-password-hash',
    severity: 'high',
    weakness: weakness.weakPasswordHash,
    remediation: 'Use crypto.scrypt, or argon2 or bcrypt from npm, with a salt for each password.',
    keywords: ['createHash'],
    match: {
      kind: 'call_expression',
      all: [
        { has: { field: 'function', regex: '(?s)^(?:\\w+\\.)?createHash\\(.*\\)\\s*\\.update$' } },
        withArgument('(?i)(?:.*\\.)?(?:\\w*password|passwd|pwd)'),
      ],
    },
    matches: ['crypto.createHash("sha256").update(password).digest("hex");', 'createHash("md5").update(user.password);'],
    clean: ['crypto.createHash("sha256").update(file).digest("hex");', 'crypto.scrypt(password, salt, 64, done);'],
  },
  {
    id: 'js-weak-cipher',
    severity: 'high',
    weakness: weakness.weakCipher,
    remediation: 'Use createCipheriv("aes-256-gcm", key, randomBytes(12)) and keep the authentication tag.',
    keywords: ['createCipher', 'createDecipher', 'CryptoJS'],
    match: {
      any: [
        {
          all: [
            js.call('(?:.*\\.)?create(?:Cipher|Decipher)iv'),
            withArgument('[\'"`](?i:des|des-.*|rc2.*|rc4.*|bf.*|blowfish.*|cast.*|.*-ecb)[\'"`]'),
          ],
        },
        js.call('crypto\\.create(?:Cipher|Decipher)'),
        js.call('CryptoJS\\.(?:DES|TripleDES|RC4)\\.\\w+'),
      ],
    },
    matches: [
      'crypto.createCipheriv("aes-128-ecb", key, null);',
      'crypto.createCipher("aes192", password);',
      'crypto.createDecipheriv("des-ede3-cbc", key, iv);',
    ],
    clean: ['crypto.createCipheriv("aes-256-gcm", key, iv);', 'factory.createCipher("x");'],
  },
  {
    id: 'js-insecure-random',
    severity: 'medium',
    weakness: weakness.insecureRandom,
    remediation: 'Use crypto.randomBytes, crypto.randomUUID or crypto.getRandomValues.',
    keywords: ['Math.random'],
    match: {
      all: [
        js.call('Math\\.random'),
        {
          inside: {
            stopBy: { any: [{ kind: 'statement_block' }, { kind: 'program' }, { kind: 'class_body' }] },
            any: [
              { kind: 'variable_declarator', has: { field: 'name', regex: secretName } },
              { kind: 'assignment_expression', has: { field: 'left', regex: secretName } },
              { kind: 'pair', has: { field: 'key', regex: secretName } },
              {
                kind: 'return_statement',
                inside: { stopBy: { kind: 'class_body' }, kind: 'function_declaration', has: { field: 'name', regex: secretName } },
              },
            ],
          },
        },
      ],
    },
    matches: [
      'const resetToken = Math.random().toString(36).slice(2);',
      'user.apiKey = "k" + Math.random();',
      'function makeToken() { return Math.random().toString(36); }',
    ],
    clean: ['const delay = Math.random() * 100;', 'const token = crypto.randomUUID();', 'function jitter() { return Math.random(); }'],
  },
  {
    id: 'js-hardcoded-key',
    severity: 'high',
    weakness: weakness.hardcodedKey,
    remediation: 'Read the key from the environment or a secret store, and change the one that stands here: it is known.',
    keywords: ['jwt', 'createHmac', 'createCipheriv', 'session(', 'cookieParser('],
    match: {
      any: [
        {
          all: [
            js.call('(?:jwt|jsonwebtoken)\\.(?:sign|verify)|(?:.*\\.)?create(?:Hmac|Cipheriv|Decipheriv)'),
            { has: { field: 'arguments', has: { nthChild: 2, kind: 'string', regex: '^.{5,}$' } } },
          ],
        },
        { all: [js.property('secret', '[\'"][^\'"]{3,}[\'"]'), { inside: { stopBy: 'end', ...js.call('(?:express)?[sS]ession') } }] },
        { all: [js.call('cookieParser'), withArgument('[\'"].{3,}[\'"]')] },
      ],
    },
    matches: [
      'const token = jwt.sign({ id }, "my-signing-secret");',
      'app.use(session({ secret: "keyboard cat", resave: false }));',
      'crypto.createHmac("sha256", "very secret").update(x);',
    ],
    clean: [
      'jwt.sign({ id }, process.env.JWT_SECRET);',
      'app.use(session({ secret: config.secret }));',
      'crypto.createHmac("sha256", key).update("text");',
    ],
  },
  {
    id: 'js-jwt-none',
    severity: 'critical',
    weakness: weakness.unverifiedToken,
    remediation: 'Name the algorithms that you sign with: jwt.verify(token, key, { algorithms: ["RS256"] }).',
    keywords: ['none', 'ignoreExpiration'],
    match: {
      any: [js.property('algorithms?', '\\[?\\s*[\'"](?i:none)[\'"].*'), js.property('algorithms', '\\[.*[\'"](?i:none)[\'"].*\\]')],
    },
    matches: ['jwt.verify(token, key, { algorithms: ["HS256", "none"] });', 'jwt.sign(user, "", { algorithm: "none" });'],
    clean: ['jwt.verify(token, key, { algorithms: ["RS256"] });', 'const style = { display: "none" };'],
  },
  {
    id: 'js-tls-verification-off',
    severity: 'high',
    weakness: weakness.tlsVerificationOff,
    remediation: 'Leave the check on and give the private authority’s certificate as ca, or through NODE_EXTRA_CA_CERTS.',
    keywords: ['rejectUnauthorized', 'NODE_TLS_REJECT_UNAUTHORIZED', 'strictSSL'],
    match: {
      any: [
        js.property('rejectUnauthorized|strictSSL', 'false'),
        {
          kind: 'assignment_expression',
          all: [{ has: { field: 'left', regex: 'NODE_TLS_REJECT_UNAUTHORIZED' } }, { has: { field: 'right', regex: '^[\'"]?0[\'"]?$' } }],
        },
      ],
    },
    matches: [
      'https.request({ host, rejectUnauthorized: false });',
      'process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";',
      'request({ url, strictSSL: false });',
    ],
    clean: ['https.request({ host, rejectUnauthorized: true });', 'https.request({ host, ca });'],
  },
  {
    id: 'js-old-tls',
    severity: 'medium',
    weakness: weakness.oldTls,
    remediation: 'Leave minVersion out (TLS 1.2 is the default) or set it to TLSv1.2 or TLSv1.3.',
    keywords: ['minVersion', 'secureProtocol', 'maxVersion'],
    match: {
      any: [
        js.property('minVersion|maxVersion', '[\'"]TLSv1(?:\\.1)?[\'"]'),
        js.property('secureProtocol', '[\'"](?:SSLv[23]|TLSv1(?:_1)?)_(?:client_|server_)?method[\'"]'),
      ],
    },
    matches: ['tls.createServer({ minVersion: "TLSv1" });', 'https.request({ secureProtocol: "SSLv3_method" });'],
    clean: ['tls.createServer({ minVersion: "TLSv1.2" });'],
  },
  {
    id: 'js-cors-credentials',
    severity: 'high',
    weakness: weakness.corsWithCredentials,
    remediation: 'List the origins that may call with credentials: cors({ origin: ["https://app.example.com"], credentials: true }).',
    keywords: ['cors', 'Access-Control-Allow-Origin'],
    match: {
      any: [
        {
          all: [
            js.call('(?:cors|enableCors|.*\\.enableCors)'),
            js.holding(js.property('credentials', 'true')),
            js.holding(js.property('origin', 'true|[\'"`]\\*[\'"`]')),
          ],
        },
        {
          all: [
            js.call('.*\\.(?:setHeader|header|set)'),
            withArgument('[\'"`](?i:Access-Control-Allow-Origin)[\'"`]'),
            withArgument('req(?:uest)?\\.(?:headers\\.origin|headers\\[.origin.\\]|get\\(.[oO]rigin.\\)|header\\(.[oO]rigin.\\))'),
          ],
        },
      ],
    },
    matches: ['app.use(cors({ origin: true, credentials: true }));', 'res.setHeader("Access-Control-Allow-Origin", req.headers.origin);'],
    clean: [
      'app.use(cors());',
      'app.use(cors({ origin: "https://app.example.com", credentials: true }));',
      'res.setHeader("Access-Control-Allow-Origin", "*");',
    ],
  },
  {
    id: 'js-cookie-flags',
    severity: 'medium',
    weakness: weakness.cookieFlags,
    remediation: 'Set { httpOnly: true, secure: true, sameSite: "lax" }.',
    keywords: ['httpOnly', 'secure'],
    match: {
      all: [
        js.property('httpOnly|secure', 'false'),
        {
          inside: {
            stopBy: 'end',
            any: [js.call('.*(?:[cC]ookie|[sS]ession)s?(?:\\.set)?'), { kind: 'pair', has: { field: 'key', regex: '(?i)cookie' } }],
          },
        },
      ],
    },
    matches: ['res.cookie("sid", id, { httpOnly: false });', 'app.use(session({ secret, cookie: { secure: false } }));'],
    clean: ['res.cookie("sid", id, { httpOnly: true, secure: true });', 'mail.createTransport({ host, secure: false });'],
  },
  {
    id: 'js-file-permissions',
    severity: 'medium',
    weakness: weakness.openPermissions,
    remediation: 'Give write access to the owner only: 0o600 for files, 0o700 for folders and programs.',
    keywords: ['777', '666', '0o7', '0o6'],
    match: {
      any: [
        { all: [js.call('(?:.*\\.)?f?l?chmod(?:Sync)?'), withArgument('0?o?[67][67][67]|[\'"]0?[67][67][67][\'"]')] },
        js.property('mode', '0o?777'),
      ],
    },
    matches: ['fs.chmodSync(file, 0o777);', 'fs.writeFileSync(file, text, { mode: 0o777 });', 'fs.chmod(file, "777", done);'],
    clean: ['fs.chmodSync(file, 0o600);', 'fs.writeFileSync(file, text, { mode: 0o644 });'],
  },
  {
    id: 'js-electron-web-preferences',
    severity: 'high',
    weakness: weakness.unsafeShell,
    remediation:
      'Keep Electron’s defaults (contextIsolation and webSecurity on, nodeIntegration off) and expose single functions by a preload script.',
    keywords: ['nodeIntegration', 'contextIsolation', 'webSecurity'],
    match: { any: [js.property('nodeIntegration', 'true'), js.property('contextIsolation|webSecurity', 'false')] },
    matches: [
      'new BrowserWindow({ webPreferences: { nodeIntegration: true } });',
      'new BrowserWindow({ webPreferences: { contextIsolation: false } });',
    ],
    clean: ['new BrowserWindow({ webPreferences: { contextIsolation: true, preload } });'],
  },
  {
    id: 'js-post-message-any-origin',
    severity: 'low',
    weakness: weakness.anyOriginMessage,
    remediation: 'Name the receiver’s origin: target.postMessage(data, "https://app.example.com").',
    keywords: ['postMessage'],
    match: { all: [js.call('.*\\.postMessage'), { has: { field: 'arguments', has: { nthChild: 2, regex: '^[\'"`]\\*[\'"`]$' } } }] },
    matches: ['window.parent.postMessage({ token }, "*");'],
    clean: ['window.parent.postMessage({ token }, origin);', 'worker.postMessage("*");'],
  },
  {
    id: 'js-error-exposure',
    severity: 'low',
    weakness: weakness.errorExposure,
    remediation: 'Log the error with an id and answer with that id and a general sentence.',
    keywords: ['.stack'],
    match: {
      all: [
        js.call('(?:res|response)(?:\\.status\\(\\d+\\))?\\.(?:send|json|end|write)'),
        { has: { field: 'arguments', has: { stopBy: 'end', kind: 'member_expression', regex: '^\\w+\\.stack$' } } },
      ],
    },
    matches: [
      'app.use((error, req, res, next) => res.status(500).send(error.stack));',
      'res.json({ message: "failed", stack: err.stack });',
    ],
    clean: ['res.status(500).send("internal error");', 'logger.error(error.stack);'],
  },
]);
