import test from 'ava';
import { redacted, redactSecrets } from './redact.ts';
import { PatternIndex, secretPatterns } from './secret-patterns.ts';

const letters = 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdEfGhIjKlMnOpQrStUvWxYz0123456789';

test('hides credentials that have a form of their own', (t) => {
  for (const secret of [
    `ghp_${letters.slice(0, 36)}`,
    'AKIA' + 'QWERTYUIOPASDFGH',
    `xoxb-${letters.slice(0, 24)}`,
    `npm_${letters.slice(0, 36)}`,
  ]) {
    const line = `step 3: used ${secret} to log in`;
    t.is(redactSecrets(line), `step 3: used ${redacted} to log in`);
  }
});

test('hides what follows a telling word', (t) => {
  t.is(redactSecrets('DB_PASSWORD=hunter2hunter2 ok'), `DB_PASSWORD=${redacted} ok`);
  t.is(redactSecrets('{"apiKey": "abcd1234"}'), `{"apiKey": "${redacted}"}`);
  t.is(redactSecrets('Authorization: Bearer abc.def.ghi'), `Authorization: ${redacted} ${redacted}`);
});

test('hides the signature of a presigned URL and the password in a URL', (t) => {
  const url = 'http://127.0.0.1:9000/o/1?expires=5&signature=0123456789abcdef';
  t.is(redactSecrets(`PUT ${url}`), `PUT http://127.0.0.1:9000/o/1?expires=5&signature=${redacted}`);
  t.is(redactSecrets(`postgres://app:${letters.slice(0, 12)}@db/x`), `postgres://app:${redacted}@db/x`);
});

test('hides a private key that was cut off', (t) => {
  const body = letters.slice(0, 40);
  const text = redactSecrets(`-----BEGIN RSA ${'PRIVATE'} KEY-----\n${body}\n${body}`);
  t.false(text.includes(body));
});

test('leaves ordinary text as it is', (t) => {
  const text = 'scanned 120 files in 3.4 s: https://example.org/a?page=2, 3 findings\nexit code 1\n';
  t.is(redactSecrets(text), text);
});

test('takes time that grows with the text only', (t) => {
  const startedAt = performance.now();
  for (const unit of ['a', '-----BEGIN PRIVATE KEY-----', 'password=', '://a:', 'eyJabc.eyJ', 'aws', '"\\n', 'token: '])
    redactSecrets(unit.repeat(100_000));
  t.true(performance.now() - startedAt < 20_000);
});

test('each pattern is global and has an id of its own', (t) => {
  for (const { pattern, keywords, id } of secretPatterns) {
    t.true(pattern.global, id);
    t.true(keywords.length > 0, id);
    if (pattern.ignoreCase)
      t.true(
        keywords.every((keyword) => keyword === keyword.toLowerCase()),
        id,
      );
  }
  t.is(new Set(secretPatterns.map(({ id }) => id)).size, secretPatterns.length);
});

test('keywords that overlap or hold one another are all seen', (t) => {
  const index = new PatternIndex(secretPatterns);
  const ids = index.candidates('x:AAAKIA sk-ant- SHAREDACCESSKEY=').map(({ id }) => id);
  for (const id of ['telegram-bot-token', 'aws-access-key-id', 'anthropic-key', 'openai-key', 'azure-shared-access-key'])
    t.true(ids.includes(id), id);
  t.false(ids.includes('npm-token'));
});
