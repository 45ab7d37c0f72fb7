import { randomUUID } from 'node:crypto';
import type { Bucket } from '@google-cloud/storage';
import { sideBySide } from '../side-by-side.ts';

/** An object as it was at one time. */
export interface Version {
  readonly name: string;
  readonly generation: string;
}

/** The most sources of one call. */
const maxSources = 32;
const callsAtOnce = 8;

/**
 * Makes the sources, in their order, one object where there is none yet; GCS moves no bytes for it. More than it takes at a time
 * are composed into a tree, whose inner objects are left in `folder`.
 *
 * @throws ApiError 404 for a source that is not there any more in that version, 412 when an object is there
 */
export async function compose(
  bucket: Bucket,
  sources: readonly Version[],
  target: { readonly name: string; readonly metadata: Readonly<Record<string, string>>; readonly folder: string },
): Promise<void> {
  let level = sources;
  while (level.length > maxSources) {
    level = await sideBySide(groupsOf(level, maxSources), callsAtOnce, async (group) => {
      const name = `${target.folder}/joined-${randomUUID()}`;
      return { name, generation: await composeOnce(bucket, group, name, {}) };
    });
  }
  await composeOnce(bucket, level, target.name, target.metadata);
}

/** `Bucket.combine` gives the object no metadata. Answers the generation of what was made. */
async function composeOnce(
  bucket: Bucket,
  sources: readonly Version[],
  name: string,
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const [answer] = (await bucket.file(name).request({
    method: 'POST',
    uri: '/compose',
    qs: { ifGenerationMatch: 0 },
    json: { sourceObjects: sources, destination: { contentType: 'application/octet-stream', metadata } },
  })) as unknown as [{ readonly generation: string }];
  return answer.generation;
}

function groupsOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
