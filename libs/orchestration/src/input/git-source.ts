import type { RequestReader } from './request-reader.ts';
import type { GitProtocol } from '../use-cases/ports.ts';

/** `user@host:path`, as `git clone` takes it for ssh; neither part may begin with a dash, or ssh would take it for an option. */
const scpLike = /^(?!-)[\w.-]+@(?![-.])[\w.-]+:(?!\/\/)[^\s:]+$/;
const maxUrlLength = 2048;

/** Reads a Git URL in one of the forms that the deployment allows; null when empty. */
export function readGitUrl(reader: RequestReader, field: string, text: string, allowed: readonly GitProtocol[]): string | null {
  if (text === '') return null;
  const problem = problemOfGitUrl(reader.line(field, text, { max: maxUrlLength }), allowed);
  if (problem !== null) reader.wrong(field, problem);
  return text;
}

/** Reads a branch or tag by the rules of git-check-ref-format(1); null when empty. */
export function readGitRef(reader: RequestReader, field: string, text: string): string | null {
  if (text === '') return null;
  reader.text(field, text, { max: 255 });
  if (!isRefName(text)) reader.wrong(field, 'is not a name that Git allows for a branch or tag (git-check-ref-format)');
  return text;
}

/** Reads a commit: its full or abbreviated hexadecimal name; null when empty. */
export function readGitCommit(reader: RequestReader, field: string, text: string): string | null {
  const form = { pattern: /^[0-9a-f]{7,64}$/i, description: 'the name of a commit, 7 to 64 hexadecimal digits' };
  return reader.text(field, text, { max: 64, form }) === '' ? null : text.toLowerCase();
}

function problemOfGitUrl(text: string, allowed: readonly GitProtocol[]): string | null {
  const protocol = protocolOf(text);
  if (protocol === null) {
    return 'is not a Git URL; give https://host/path, ssh://user@host/path or user@host:path';
  }
  if (!(allowed as readonly string[]).includes(protocol)) {
    return `has the protocol ${JSON.stringify(protocol.slice(0, 20))}; this deployment allows ${allowed.join(', ')}`;
  }
  return scpLike.test(text) ? null : problemOfParsed(new URL(text));
}

/** `ssh` for the scp-like form; null for what is no URL at all. */
function protocolOf(text: string): string | null {
  if (scpLike.test(text)) return 'ssh';
  return /^[a-z][a-z0-9+.-]*:\/\//.test(text) && URL.canParse(text) ? new URL(text).protocol.slice(0, -1) : null;
}

function problemOfParsed(url: URL): string | null {
  if (url.password !== '' || (url.protocol === 'https:' && url.username !== '')) {
    return 'holds credentials, which would be stored and shown; leave them out and give the runner access to the repository';
  }
  if (url.search !== '' || url.hash !== '') return 'holds a query or a fragment; leave it out';
  if (url.protocol === 'file:') {
    return url.host === '' && url.pathname.length > 1 ? null : 'names no folder of this machine; give file:///path';
  }
  if (url.hostname === '') return 'names no host';
  if (url.hostname.startsWith('-') || url.username.startsWith('-')) return 'has a host or user that begins with a dash';
  return url.pathname.length > 1 ? null : 'names no repository after the host';
}

/** The rules of git-check-ref-format(1), and no leading dash, which a command line would take for an option. */
function isRefName(text: string): boolean {
  if (/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^[-/]|[/.]$|^@$/.test(text)) return false;
  return text.split('/').every((component) => !component.startsWith('.') && !component.endsWith('.lock'));
}
