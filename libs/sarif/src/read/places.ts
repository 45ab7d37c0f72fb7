import type { JsonNode } from './json-node.ts';

/** A location as the log gives it (SARIF section 3.4). */
export interface ArtifactPlace {
  readonly uri: string;
  readonly base: string;
  readonly index: number | null;
}

/** What a run says about where its files lie. */
export interface UriBases {
  /** By their ids (SARIF section 3.14.14). */
  readonly bases: ReadonlyMap<string, ArtifactPlace>;
  /** Locations that others name by index. */
  readonly artifacts: readonly ArtifactPlace[];
  /** Absolute folders that hold the source, the likeliest first. */
  readonly roots: readonly string[];
}

export function readPlace(node: JsonNode): ArtifactPlace {
  return { uri: node.at('uri').text(), base: node.at('uriBaseId').text(), index: node.at('index').integer() };
}

/** How tools call the root of what they have looked at. */
const rootNames = ['SRCROOT', 'PROJECTROOT', 'REPOROOT', 'ROOTPATH', 'ROOT', 'WORKINGDIR'];

/**
 * @param known an absolute folder that is known to be the root of the source; empty where nobody knows
 * @param workingDirectories of the run's invocations
 */
export function uriBases(
  bases: ReadonlyMap<string, ArtifactPlace>,
  artifacts: readonly ArtifactPlace[],
  known: string,
  workingDirectories: readonly ArtifactPlace[],
): UriBases {
  const rank = (id: string): number =>
    (rootNames.indexOf(id.replaceAll('%', '').toUpperCase()) + rootNames.length + 1) % (rootNames.length + 1);
  const named = [...bases].toSorted(([a], [b]) => rank(a) - rank(b)).map(([, place]) => place);
  const roots = [...named, ...workingDirectories].map((place) => absolutePath(resolve(place, bases)));
  return { bases, artifacts, roots: [known, ...roots].flatMap((root) => (root === null || root === '' ? [] : [withSlash(root)])) };
}

/**
 * The path of a file relative to the source's root, with forward slashes and no percent-encoding. A path that would lead out of the root is
 * held inside, and a file that lies under no known root keeps its absolute path without the leading slash. Empty for what is no file.
 */
export function sourcePath(place: ArtifactPlace, { bases, artifacts, roots }: UriBases): string {
  const named = place.uri === '' && place.index !== null ? (artifacts[place.index] ?? place) : place;
  const uri = resolve(named, bases);
  const absolute = absolutePath(uri);
  if (absolute === null) return /^[a-z][\w+.-]+:/i.test(uri) ? '' : normalized(uri);
  const root = roots.find((each) => absolute.startsWith(each) && absolute.length > each.length);
  return normalized(root === undefined ? absolute : absolute.slice(root.length));
}

/** As far as the bases say; a base that says nothing is the root. */
function resolve({ uri, base }: ArtifactPlace, bases: ReadonlyMap<string, ArtifactPlace>): string {
  let resolved = uri.replaceAll('\\', '/');
  const seen = new Set<string>();
  for (let id = base; id !== '' && !seen.has(id) && !isAbsolute(resolved);) {
    seen.add(id);
    const next = bases.get(id);
    if (next === undefined) break;
    if (next.uri !== '') resolved = `${next.uri.replaceAll('\\', '/').replace(/\/*$/, '/')}${resolved}`;
    id = next.base;
  }
  return resolved;
}

function isAbsolute(uri: string): boolean {
  return /^(?:\/|[a-z][\w+.-]*:)/i.test(uri);
}

/** Of a `file:` URI, or a path that stands where a URI should; null for anything else. Decoded, without `.` and `..`. */
function absolutePath(uri: string): string | null {
  const path = /^file:\/\/[^/]*(\/.*)$/i.exec(uri)?.[1] ?? /^file:(\/.*)$/i.exec(uri)?.[1] ?? (/^(?:\/|[a-z]:\/)/i.test(uri) ? uri : null);
  return path === null ? null : `/${normalized(path)}${path.endsWith('/') ? '/' : ''}`;
}

function normalized(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/').map(decoded)) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return segments.join('/');
}

/** A slash within a name would make it two. */
function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    const text = decodeURIComponent(segment);
    return text.includes('/') ? segment : text;
  } catch {
    return segment;
  }
}

function withSlash(folder: string): string {
  const path = absolutePath(folder) ?? folder;
  return path.endsWith('/') ? path : `${path}/`;
}

/** Lines and columns, 1-based; 0 where the log does not say (SARIF section 3.30). */
export interface Region {
  readonly startLine: number;
  readonly endLine: number;
  readonly startColumn: number;
  readonly endColumn: number;
  readonly snippet: string;
}

/** A region that counts characters or bytes only has no line. */
export function readRegion(physical: JsonNode): Region {
  const region = physical.at('region');
  const startLine = positive(region.at('startLine'));
  const snippet = region.at('snippet').at('text').text() || physical.at('contextRegion').at('snippet').at('text').text();
  if (startLine === 0) return { startLine, endLine: 0, startColumn: 0, endColumn: 0, snippet };
  return {
    startLine,
    endLine: Math.max(startLine, positive(region.at('endLine'))),
    startColumn: positive(region.at('startColumn')),
    endColumn: positive(region.at('endColumn')),
    snippet,
  };
}

/** Some tools write 0 or -1 for what they do not know. */
function positive(node: JsonNode): number {
  return Math.max(0, node.integer() ?? 0);
}
