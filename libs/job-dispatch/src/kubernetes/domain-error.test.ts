import test from 'ava';
import { DomainError } from '@cloudscan/domain';
import { ApiError, TransportError } from './api-error.ts';
import type { ApiStatus } from './api-error.ts';
import { domainErrorOf } from './domain-error.ts';

const call = { verb: 'create', resource: 'jobs', namespace: 'runners' } as const;

function sort(error: unknown): DomainError {
  const sorted = domainErrorOf(error, call);
  if (!(sorted instanceof DomainError)) throw new Error('not sorted', { cause: sorted });
  return sorted;
}

const terminating: ApiStatus = { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } };
const invalid: ApiStatus = { reason: 'Invalid', details: { causes: [{ field: 'spec.a' }, { field: 'spec.b' }] } };
const cases: readonly (readonly [string, unknown, string, string])[] = [
  ['no answer', new TransportError(new Error('ECONNRESET')), 'unavailable', 'the Kubernetes API is not available; try again'],
  ['401', new ApiError(401, { reason: 'Unauthorized' }), 'unavailable', 'the Kubernetes API is not available; try again'],
  ['429', new ApiError(429, { reason: 'TooManyRequests' }), 'unavailable', 'the Kubernetes API is not available; try again'],
  ['a conflict', new ApiError(409, { reason: 'Conflict' }), 'unavailable', 'the Kubernetes API is not available; try again'],
  ['500', new ApiError(500, { reason: 'InternalError' }), 'unavailable', 'the Kubernetes API is not available; try again'],
  ['503 of a proxy', new ApiError(503, { message: '<html>' }), 'unavailable', 'the Kubernetes API is not available; try again'],
  ['a listing that is too old', new ApiError(410, { reason: 'Expired' }), 'unavailable', 'the Kubernetes API is not available; try again'],
  [
    'a quota',
    new ApiError(403, { reason: 'Forbidden', message: 'jobs "a" is forbidden: exceeded quota: q' }),
    'resource_exhausted',
    'a quota of the namespace runners leaves no room for jobs',
  ],
  [
    'a right that is missing',
    new ApiError(403, { reason: 'Forbidden', message: 'User "x" cannot create resource "jobs"' }),
    'internal',
    'the Kubernetes API forbids to create jobs in the namespace runners; its Role has to allow it',
  ],
  ['a namespace that goes', new ApiError(403, terminating), 'internal', 'the namespace runners is being deleted'],
  [
    'a namespace that is not there',
    new ApiError(404, { reason: 'NotFound' }),
    'internal',
    'the namespace runners does not exist; create it or set KUBE_NAMESPACE to another',
  ],
  ['an invalid object', new ApiError(422, invalid), 'invalid_argument', 'the Kubernetes API refused jobs as invalid: spec.a, spec.b'],
  ['400', new ApiError(400, { reason: 'BadRequest' }), 'invalid_argument', 'the Kubernetes API refused jobs as invalid'],
  ['405', new ApiError(405, {}), 'internal', 'the Kubernetes API answered 405 when asked to create jobs'],
];
for (const [what, error, code, message] of cases) {
  test(`${what} means ${code}`, (t) => {
    const sorted = sort(error);
    t.is(sorted.code, code as DomainError['code']);
    t.is(sorted.message, message);
    t.is(sorted.cause, error);
  });
}

test('the time that the server asks for goes along, from the header or the body', (t) => {
  t.is(sort(new ApiError(429, {}, 3)).retryAfterMs, 3000);
  t.is(sort(new ApiError(429, { details: { retryAfterSeconds: 2 } })).retryAfterMs, 2000);
  t.is(sort(new ApiError(429, {})).retryAfterMs, undefined);
});

test('what is no failure of the API stays what it is', (t) => {
  const aborted = new Error('aborted');
  t.is(domainErrorOf(aborted, call), aborted);
});
