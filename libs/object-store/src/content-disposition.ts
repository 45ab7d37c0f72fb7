/** Controls, and the marks that turn the direction of text, with which a name can show as another. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const maxLength = 200;

/**
 * A `Content-Disposition: attachment` for any text (RFC 6266): a plain ASCII name for old clients, and the whole name as
 * RFC 8187 encodes it. Neither holds a path separator, a control character or a leading dot.
 */
export function attachmentDisposition(filename: string): string {
  const name = safeName(filename);
  const ascii = name.replace(/[^\x20-\x7e]/gu, '_').replace(/["%]/g, '_');
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encodeExtended(name)}`;
}

function safeName(filename: string): string {
  const cleaned = filename
    .toWellFormed()
    .replace(invisible, '')
    .replace(/[/\\:*?<>|]/g, '_')
    .replace(/^[\s.]+/, '')
    .trim();
  return [...cleaned].slice(0, maxLength).join('') || 'download';
}

/** `attr-char` of RFC 8187 section 3.2.1 is narrower than what encodeURIComponent leaves. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
