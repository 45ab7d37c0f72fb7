/**
 * A path relative to the source's root as the relative reference that `artifactLocation.uri` holds (RFC 3986 section 4.2; SARIF
 * section 3.4.4): each segment percent-encoded, so that `a:b`, `#`, `?`, `%` and spaces keep their meaning as parts of a name.
 */
export function artifactUri(path: string): string {
  return path
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .map(encodeSegment)
    .join('/');
}

/** A lone surrogate has no UTF-8 form and becomes U+FFFD. `..` never leaves the root, since its dots are encoded. */
function encodeSegment(segment: string): string {
  return segment === '..' ? '%2E%2E' : encodeURIComponent(segment.toWellFormed());
}

/**
 * The repository as an absolute URI without user name, password, query and fragment (`versionControlDetails.repositoryUri`, SARIF
 * section 3.23.3). Git's `user@host:path` becomes `ssh://host/path`. Null when the text is neither.
 */
export function repositoryUri(gitUrl: string): string | null {
  const scpLike = /^(?:[\w.-]+@)?([\w.-]+):(?!\/\/)(.+)$/.exec(gitUrl);
  const text = scpLike === null ? gitUrl : `ssh://${scpLike[1]}/${scpLike[2]!.replace(/^\/+/, '')}`;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  return url.href;
}
