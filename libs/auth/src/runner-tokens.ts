import { createHash } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { JWTHeaderParameters } from 'jose';
import type { EnvReader } from '@cloudscan/config';
import { DomainError, isUuid } from '@cloudscan/domain';

/** What a runner's token opens: one attempt of one scan. */
export interface RunnerClaims {
  readonly scanId: string;
  readonly organizationId: string;
  readonly attempt: number;
}

const algorithm = 'HS256';
const issuer = 'cloudscan';
const audience = 'cloudscan-runner';
/** Bytes; RFC 7518, 3.2 asks for as many as the hash has. */
const shortestKey = 32;

/** Tokens of runners: JWTs (RFC 7519) that the orchestrator signs for itself. */
export class RunnerTokens {
  /** By key id; the first one signs. */
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  /** @param keys the first signs, all verify, so that a key can be replaced while tokens are about */
  constructor(keys: readonly [string, ...string[]]) {
    this.#keys = new Map(keys.map((key) => [keyId(key), new TextEncoder().encode(key)]));
  }

  async issue({ scanId, organizationId, attempt }: RunnerClaims, expiresAt: Date): Promise<string> {
    const [[kid, key]] = [...this.#keys] as [[string, Uint8Array]];
    return new SignJWT({ scan: scanId, organization: organizationId, attempt })
      .setProtectedHeader({ alg: algorithm, kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime(Math.floor(expiresAt.getTime() / 1000))
      .sign(key);
  }

  /** Throws `unauthenticated` for a token that is not one of these, has expired, or was signed by another. */
  async verify(token: string, now: Date): Promise<RunnerClaims> {
    try {
      const { payload } = await jwtVerify(token, (header) => this.#keyOf(header), {
        algorithms: [algorithm],
        issuer,
        audience,
        currentDate: now,
        requiredClaims: ['exp'],
      });
      return claimsOf(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new DomainError('unauthenticated', 'the runner’s token is not valid', { cause: error });
      throw error;
    }
  }

  #keyOf({ kid = '' }: JWTHeaderParameters): Uint8Array {
    const key = this.#keys.get(kid);
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key;
  }
}

/** Reads `RUNNER_TOKEN_KEY`: one key, or several that commas divide, of which the first signs. Null when there is none. */
export function readRunnerTokens(env: EnvReader): RunnerTokens | null {
  const keys = env
    .secret('RUNNER_TOKEN_KEY')
    .reveal()
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '');
  const [first, ...others] = keys;
  if (first === undefined) return null;
  if (keys.some((key) => Buffer.byteLength(key) < shortestKey)) {
    env.problem(
      'RUNNER_TOKEN_KEY',
      'holds a key that is too short',
      `at least ${shortestKey} random characters, such as openssl rand -hex 32 prints`,
    );
  }
  return new RunnerTokens([first, ...others]);
}

function claimsOf({ scan, organization, attempt }: Readonly<Record<string, unknown>>): RunnerClaims {
  const isComplete = isId(scan) && isId(organization) && typeof attempt === 'number' && Number.isSafeInteger(attempt) && attempt > 0;
  if (!isComplete) throw new errors.JWTInvalid('a claim is missing');
  return { scanId: scan, organizationId: organization, attempt };
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && isUuid(value);
}

/** Names a key without telling it. */
function keyId(key: string): string {
  return createHash('sha256').update(`cloudscan runner token key ${key}`).digest('hex').slice(0, 16);
}
