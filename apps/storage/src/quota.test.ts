import { DomainError } from '@cloudscan/domain';
import test from 'ava';
import { expectWithin, roomIn } from './quota.ts';
import type { Quota } from './quota.ts';

function aQuota(usedBytes: number, usedArtifacts = 1): Quota {
  const ownLimits = { bytes: null, artifacts: null, uploadBytes: null };
  return { organizationId: 'acme', limits: { bytes: 100, artifacts: 3, uploadBytes: 60 }, ownLimits, usedBytes, usedArtifacts };
}

test('what fits is let in, to the last byte and the last artifact', (t) => {
  for (const [quota, bytes] of [
    [aQuota(60), 60],
    [aQuota(100, 3), 40],
    [aQuota(99, 3), 0],
  ] as const) {
    t.notThrows(() => expectWithin(quota, { artifacts: 1, bytes }));
  }
});

test('names the quota, what is used of it, and the remedy', (t) => {
  const remedy = (name: string): string => `or have an operator raise its quota (SetQuota, or STORAGE_${name})`;
  const cases: readonly (readonly [quota: Quota, bytes: number, message: string])[] = [
    [aQuota(61), 61, `an upload of organization acme may have 60 bytes and has 61; upload less, ${remedy('MAX_UPLOAD_BYTES')}`],
    [aQuota(10, 4), 10, `organization acme may keep 3 artifacts and keeps 3; delete some, ${remedy('QUOTA_ARTIFACTS')}`],
    [aQuota(101), 21, `organization acme may keep 100 bytes and keeps 80; the upload has 21; delete artifacts, ${remedy('QUOTA_BYTES')}`],
    [aQuota(100), 0, `organization acme may keep 100 bytes and keeps 100; delete artifacts, ${remedy('QUOTA_BYTES')}`],
  ];
  for (const [quota, bytes, message] of cases) {
    t.like(
      t.throws(() => expectWithin(quota, { artifacts: 1, bytes }), { instanceOf: DomainError }),
      { code: 'resource_exhausted', message },
    );
  }
});

test('what is seen of an upload counts although the artifacts are at their limit', (t) => {
  t.notThrows(() => expectWithin(aQuota(50, 9), { artifacts: 0, bytes: 50 }));
});

test('an upload of a size not known has the room that is left, and at most that of one upload', (t) => {
  t.is(roomIn(aQuota(0)), 60);
  t.is(roomIn(aQuota(90)), 10);
  t.throws(() => roomIn(aQuota(100)), { instanceOf: DomainError });
});
