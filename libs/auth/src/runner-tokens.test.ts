import { SignJWT } from 'jose';
import test from 'ava';
import { ConfigError, readConfig } from '@cloudscan/config';
import { readRunnerTokens, RunnerTokens } from './runner-tokens.ts';

const claims = {
  scanId: '01890000-0000-7000-8000-000000000001',
  organizationId: '01890000-0000-7000-8000-000000000002',
  attempt: 3,
};
const former = 'f'.repeat(32);
const current = 'c'.repeat(32);
const now = new Date('2026-01-01T00:00:00Z');
const later = new Date('2026-01-01T01:00:00Z');
const refused = { code: 'unauthenticated', message: 'the runner’s token is not valid' };

test('a token names one attempt of one scan until it expires', async (t) => {
  const tokens = new RunnerTokens([current]);
  const token = await tokens.issue(claims, later);
  t.deepEqual(await tokens.verify(token, now), claims);
  t.deepEqual(await tokens.verify(token, new Date(later.getTime() - 1000)), claims);
  await t.throwsAsync(tokens.verify(token, later), refused);
});

test('a key may be replaced while its tokens are about, and ends them when it is taken away', async (t) => {
  const old = await new RunnerTokens([former]).issue(claims, later);
  const both = new RunnerTokens([current, former]);
  t.deepEqual(await both.verify(old, now), claims);
  const fresh = await both.issue(claims, later);
  t.deepEqual(await new RunnerTokens([current]).verify(fresh, now), claims);
  await t.throwsAsync(new RunnerTokens([current]).verify(old, now), refused);
});

test('refuses what was changed, signed for something else, never expires or is no token', async (t) => {
  const tokens = new RunnerTokens([current]);
  const [header, payload, signature] = (await tokens.issue(claims, later)).split('.');
  const { kid } = JSON.parse(Buffer.from(header!, 'base64url').toString()) as { kid: string };
  const changed = Buffer.from(payload!, 'base64url').toString().replace('"attempt":3', '"attempt":4');
  const signed = (body: object, audience = 'cloudscan-runner') =>
    new SignJWT({ ...body })
      .setProtectedHeader({ alg: 'HS256', kid })
      .setIssuer('cloudscan')
      .setAudience(audience)
      .sign(Buffer.from(current));
  const complete = { scan: claims.scanId, organization: claims.organizationId, attempt: 3, exp: later.getTime() / 1000 };
  t.deepEqual(await tokens.verify(await signed(complete), now), claims);
  const wrong = [
    [header, Buffer.from(changed).toString('base64url'), signature].join('.'),
    [Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url'), payload, ''].join('.'),
    await signed(complete, 'cloudscan-api'),
    await signed({ ...complete, exp: undefined }),
    await signed({ ...complete, attempt: '3' }),
    await signed({ ...complete, scan: 'all' }),
    '',
    'a.b.c',
  ];
  for (const token of wrong) await t.throwsAsync(tokens.verify(token, now), refused, token);
});

test('reads keys from the environment and refuses a short one by name, without showing it', async (t) => {
  const read = (value?: string) => readConfig({ RUNNER_TOKEN_KEY: value }, readRunnerTokens);
  t.is(read(), null);
  const token = await read(`${current}, ${former}`)!.issue(claims, later);
  t.deepEqual(await new RunnerTokens([current]).verify(token, now), claims);
  const error = t.throws(() => read(`${current},hunter2`), { instanceOf: ConfigError });
  t.regex(error.message, /^RUNNER_TOKEN_KEY holds a key that is too short; set it to at least 32 random characters/);
  t.false(error.message.includes('hunter2'));
});
