import { createHash } from 'node:crypto';

const alphabets = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hexadecimal: '0123456789abcdef',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567',
  letters: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  base64: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
} as const;

/** Random to the eye and the same in every run. */
export function chars(length: number, seed: string, alphabet: keyof typeof alphabets = 'alphanumeric'): string {
  const letters = alphabets[alphabet];
  let text = '';
  for (let block = 0; text.length < length; block += 1) {
    for (const byte of createHash('sha256').update(`${seed}/${block}`).digest()) text += letters[byte % letters.length];
  }
  return text.slice(0, length);
}

export interface Planted {
  readonly ruleId: string;
  readonly line: string;
  /** What must never be seen again. */
  readonly secret: string;
}

function planted(ruleId: string, secret: string, line: (secret: string) => string = (value) => `const value = "${value}";`): Planted {
  return { ruleId, secret, line: line(secret) };
}

const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Put together here, so that nothing in this repository has the form of a credential. */
export const plantedSecrets: readonly Planted[] = [
  planted('aws-access-key-id', 'AK' + 'IA' + chars(16, 'aws', 'upper')),
  planted('aws-access-key-id', 'AS' + 'IA' + chars(16, 'aws2', 'upper'), (v) => `  aws_access_key_id: ${v}`),
  planted('aws-secret-access-key', chars(40, 'aws-secret', 'base64'), (v) => `aws_secret_access_key = ${v}`),
  planted('aws-secret-access-key', chars(40, 'aws-secret2', 'base64'), (v) => `"SecretAccessKey": "${v}"`),
  planted('aws-session-token', chars(300, 'session', 'base64'), (v) => `AWS_SESSION_TOKEN=${v}`),
  planted('gcp-api-key', 'AI' + 'za' + chars(35, 'gcp'), (v) => `https://maps.googleapis.com/x?key=${v}`),
  planted('gcp-oauth-client-secret', 'GOC' + 'SPX-' + chars(28, 'gocspx')),
  planted('gcp-oauth-token', 'ya' + '29.' + chars(120, 'ya29')),
  planted(
    'azure-storage-key',
    chars(86, 'azure', 'base64') + '==',
    (v) => `DefaultEndpointsProtocol=https;AccountName=a1;AccountKey=${v};EndpointSuffix=core.windows.net`,
  ),
  planted(
    'azure-shared-access-key',
    chars(43, 'sb', 'base64') + '=',
    (v) => `Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=${v}`,
  ),
  planted('azure-client-secret', chars(3, 'e1') + '8' + 'Q~' + chars(34, 'e2'), (v) => `client: ${v}`),
  planted('azure-sas-signature', chars(43, 'sas') + '%3D', (v) => `https://a.blob.core.windows.net/c?sv=2022-11-02&sig=${v}`),
  ...['p', 'o', 'u', 's', 'r'].map((kind) => planted('github-token', `gh${kind}` + '_' + chars(36, `gh${kind}`))),
  planted('github-fine-grained-token', 'github' + '_pat_' + chars(22, 'fg1') + '_' + chars(59, 'fg2')),
  planted('gitlab-token', 'gl' + 'pat-' + chars(20, 'glpat')),
  planted('gitlab-token', 'gl' + 'rt-' + chars(26, 'glrt'), (v) => `token = "${v}"`),
  planted('slack-token', 'xo' + 'xb-' + chars(12, 's1', 'hexadecimal') + '-' + chars(24, 's2')),
  planted('slack-token', 'xa' + 'pp-1-' + chars(11, 's3') + '-' + chars(40, 's4', 'hexadecimal')),
  planted(
    'slack-webhook',
    'T0' + chars(9, 'w1') + '/B0' + chars(9, 'w2') + '/' + chars(24, 'w3'),
    (v) => `https://hooks.slack.com/services/${v}`,
  ),
  planted('stripe-key', 'sk' + '_live_' + chars(24, 'st')),
  planted('stripe-key', 'rk' + '_live_' + chars(60, 'st2')),
  planted('stripe-webhook-secret', 'wh' + 'sec_' + chars(32, 'wh')),
  planted('twilio-api-key', 'S' + 'K' + chars(32, 'tw', 'hexadecimal')),
  planted('twilio-auth-token', chars(32, 'tw2', 'hexadecimal'), (v) => `TWILIO_AUTH_TOKEN=${v}`),
  planted('sendgrid-key', 'S' + 'G.' + chars(22, 'sg1') + '.' + chars(43, 'sg2')),
  planted('mailgun-key', 'ke' + 'y-' + chars(32, 'mg', 'hexadecimal')),
  planted('npm-token', 'np' + 'm_' + chars(36, 'npm')),
  planted('npm-auth', chars(40, 'npmauth', 'base64'), (v) => `//registry.internal/:_auth=${v}`),
  planted('pypi-token', 'py' + 'pi-AgEIcHlwaS5vcmc' + chars(120, 'pypi')),
  planted('rubygems-key', 'ruby' + 'gems_' + chars(48, 'gem', 'hexadecimal')),
  planted('docker-token', 'dckr' + '_pat_' + chars(27, 'dckr')),
  planted('openai-key', 's' + 'k-proj-' + chars(60, 'oa')),
  planted('openai-key', 's' + 'k-' + chars(20, 'oa1') + 'T3Blbk' + 'FJ' + chars(20, 'oa2')),
  planted('anthropic-key', 's' + 'k-ant-api03-' + chars(93, 'an') + 'AA'),
  planted('huggingface-token', 'h' + 'f_' + chars(34, 'hf', 'letters')),
  planted('hashicorp-vault-token', 'hv' + 's.' + chars(92, 'hvs')),
  planted('databricks-token', 'da' + 'pi' + chars(32, 'dapi', 'hexadecimal')),
  planted('digitalocean-token', 'dop' + '_v1_' + chars(64, 'do', 'hexadecimal')),
  planted('telegram-bot-token', '7183459702' + ':AA' + chars(33, 'tg')),
  planted('cloudflare-token', 'cf' + 'ut_' + chars(40, 'cf') + chars(8, 'cf2', 'hexadecimal')),
  planted('vercel-token', 'vc' + 'p_' + chars(40, 'vc')),
  planted('linear-key', 'lin' + '_api_' + chars(40, 'lin')),
  planted('jwt', `${json({ alg: 'HS256', typ: 'JWT' })}.${json({ sub: 'svc-42', exp: 1_900_000_000 })}.${chars(43, 'jwt')}`),
  planted('url-credentials', chars(14, 'pg'), (v) => `DATABASE_URL=postgres://app:${v}@db.internal:5432/app`),
  planted('url-credentials', chars(14, 'redis'), (v) => `redis://:${v}@cache.internal:6379/0`),
  planted('url-credentials', chars(20, 'https'), (v) => `git clone https://ci:${v}@git.corp.io/r.git`),
  planted('connection-string-password', 'u7!' + chars(9, 'cs'), (v) => `"Server=db;Database=app;User Id=svc;Password=${v};Encrypt=true"`),
  planted('assigned-secret', 'Tr0ub4dor&' + chars(2, 'pw'), (v) => `DB_PASSWORD = "${v}"`),
  planted('assigned-secret', chars(32, 'ak'), (v) => `  apiKey: '${v}',`),
  planted('assigned-secret', chars(40, 'sk', 'hexadecimal'), (v) => `const signingKey: string = "${v}";`),
  planted('assigned-secret', chars(24, 'cs2'), (v) => `'client_secret' => '${v}',`),
  planted(
    'private-key',
    chars(64, 'k1', 'base64'),
    (v) => `-----BEGIN RSA ${'PRIVATE'} KEY-----\n${v}\n${chars(64, 'k2', 'base64')}\n-----END RSA ${'PRIVATE'} KEY-----`,
  ),
  // Truncated: no last line.
  planted('private-key', chars(64, 'k3', 'base64'), (v) => `-----BEGIN OPENSSH ${'PRIVATE'} KEY-----\n${v}\n${chars(30, 'k4', 'base64')}`),
  planted(
    'private-key',
    chars(64, 'k5', 'base64'),
    (v) => `"private_key": "-----BEGIN ${'PRIVATE'} KEY-----\\n${v}\\n-----END ${'PRIVATE'} KEY-----\\n",`,
  ),
  planted(
    'private-key',
    chars(64, 'k6', 'base64'),
    (v) => `-----BEGIN RSA ${'PRIVATE'} KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C3D\n\n${v}\n-----END`,
  ),
];

/** Lines that a hasty scanner reports. */
export const lookAlikes: readonly string[] = [
  'aws_access_key_id = AKIA' + 'IOSFODNN7EXAMPLE',
  'aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY' + 'EXAMPLEKEY',
  'GITHUB_TOKEN=ghp_' + 'x'.repeat(36),
  'GITHUB_TOKEN=ghp_' + '1234567890abcdefghijklmnopqrstuvwxyz'.slice(0, 36),
  'OPENAI_API_KEY=sk-proj-your_key_here_1234567890',
  'password = process.env.DB_PASSWORD;',
  'password: ${DB_PASSWORD}',
  'password: "{{ vault_db_password }}"',
  'api_key = os.environ["SERVICE_API_KEY"]',
  'const password = getPassword(user, 12345678);',
  'token: string;',
  'tokenUrl: "https://login.internal/oauth2/token"',
  'secretName: "database-credentials-01"',
  'secretKeyRef: { name: app-secrets, key: db-password }',
  'passwordField = "user_password_2"',
  'password = "changeme123"',
  'password = "Password123"',
  'apiKey: "YOUR_API_KEY_HERE_1234"',
  'api_key: "<api-key-goes-here-123>"',
  'const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";',
  'integrity "sha512-' + chars(86, 'sri', 'base64') + '=="',
  'commit = "' + chars(40, 'sha', 'hexadecimal') + '"',
  'public_key = "' + chars(64, 'pub', 'hexadecimal') + '"',
  'etag: ' + chars(32, 'etag', 'hexadecimal'),
  'id = "123e4567-e89b-12d3-a456-426614174000"',
  'postgres://postgres:postgres@localhost:5432/app',
  'https://user:password@example.com/path',
  'redis://:${REDIS_PASSWORD}@cache:6379',
  'mysql://root:root@127.0.0.1/app',
  'http://[::1]:8080/@scope/name',
  'import x from "https://deno.land/x/oak@v12.6.1/mod.ts"',
  `-----BEGIN ${'PRIVATE'} KEY-----`,
  `-----BEGIN ${'PRIVATE'} KEY-----\nMIIE...\n-----END ${'PRIVATE'} KEY-----`,
  `-----BEGIN PUBLIC KEY-----\n${chars(64, 'public', 'base64')}\n-----END PUBLIC KEY-----`,
  `-----BEGIN CERTIFICATE-----\n${chars(64, 'cert', 'base64')}\n-----END CERTIFICATE-----`,
  `const sample = "${json({ alg: 'HS256', typ: 'JWT' })}.${json({ sub: '1234567890', name: 'John Doe', iat: 1516239022 })}.${chars(43, 'jwt')}"`,
  `"${json({ a: 1, note: 'not a header' })}.${json({ b: 2 })}.${chars(43, 'no-alg')}"`,
  'expect(login("wrong-password-1")).toThrow()',
  'label: "Enter your password", placeholder: "at least 8 characters"',
  'passwordHash = "$2b$10$' + chars(53, 'bcrypt') + '"',
  'csrfTokenHeader: "X-CSRF-TOKEN-2"',
  'const accessToken = await client.fetchToken({ retries: 3 });',
  '"AWS::ApiGateway::ApiKey": "' + chars(32, 'type', 'hexadecimal') + '"',
  'parse("postgres://someuser:somepassword@somehost:381/db")',
  'task-' + chars(32, 'task', 'hexadecimal'),
];
