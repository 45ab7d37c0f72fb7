/** Kept below the 255 bytes that a file system allows a name: stores like MinIO make folders of segments. */
const maxSegment = 200;
const encodedPrefix = 'encoded/';
/** Segments that no store, proxy or URL parser rewrites. */
const safeName = /^[A-Za-z0-9][\w.-]{0,199}(?:\/[A-Za-z0-9][\w.-]{0,199})*$/;

/** The name of a key's object in a cloud store: a safe key stands as it is, any other as `encoded/<base64url>` in segments. */
export function objectNameOf(key: string): string {
  if (safeName.test(key) && !key.startsWith(encodedPrefix)) return key;
  const encoded = Buffer.from(key).toString('base64url');
  return encodedPrefix + (encoded.match(new RegExp(`.{1,${maxSegment}}`, 'g')) ?? []).join('/');
}

/** The inverse of {@link objectNameOf}; null for a name that it never makes. */
export function keyOfObjectName(name: string): string | null {
  const key = name.startsWith(encodedPrefix)
    ? Buffer.from(name.slice(encodedPrefix.length).replaceAll('/', ''), 'base64url').toString()
    : name;
  return objectNameOf(key) === name ? key : null;
}
