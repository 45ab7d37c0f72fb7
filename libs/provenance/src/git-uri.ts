const scpLike = /^(?<login>[^\s/@]+@[^\s/:]+):(?<path>.+)$/;

/** A repository as in-toto names it: `git+` and its URL (SPDX's download locations); `user@host:path` is ssh. No credentials. */
export function gitUri(url: string): string {
  if (!url.includes('://')) {
    const { login, path } = scpLike.exec(url)?.groups ?? {};
    return login === undefined ? `git+${url}` : `git+ssh://${login}/${path!.replace(/^\//, '')}`;
  }
  const parsed = new URL(url);
  parsed.password = '';
  if (parsed.protocol !== 'ssh:') parsed.username = '';
  return `git+${parsed.href}`;
}
