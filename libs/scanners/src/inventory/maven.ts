import path from 'node:path/posix';
import { LockFileError, dependencyEntry } from './dependency.ts';
import type { DependencyEntry, LockFileContent, LockFileContext } from './dependency.ts';
import { lineCounterOf, parseXml, xmlOffset } from './parse.ts';
import { asArray, asRecord, asText, field, fields } from './untrusted.ts';

/** More parents than any build has; it also ends a cycle. */
const maxParents = 10;
/** `${a}` may name another property; more than this is a cycle. */
const maxExpansions = 20;
const maxExpandedLength = 1000;

interface Project {
  /** The nearest first: the file itself, then its parents in the tree. */
  readonly models: readonly unknown[];
  readonly properties: ReadonlyMap<string, string>;
}

/**
 * The direct dependencies of a pom.xml (https://maven.apache.org/pom.html). Versions come from the file, its properties
 * and its dependencyManagement, and from those of its parents as far as they are in the tree. What an imported or a
 * remote parent manages is not known here; how many there are is a warning.
 *
 * @throws LockFileError
 */
export async function readPom(text: string, context: LockFileContext): Promise<LockFileContent> {
  const model = field(parseXml(text), 'project');
  if (asRecord(model) === null) throw new LockFileError('is not a Maven project: it has no <project> element');
  const project = await projectOf(model, context);
  const managed = managedVersions(project);
  const lineOf = lineCounterOf(text);
  const entries: DependencyEntry[] = [];
  let unresolved = 0;
  for (const item of listOf(model, 'dependencies', 'dependency')) {
    const line = lineOf(xmlOffset(item));
    const name = nameOf(item, project);
    if (name === null || asText(field(item, 'scope')).trim() === 'system') continue;
    const version = exactVersion(expand(textOf(item, 'version'), project) || managed.get(name) || '');
    if (version === null) {
      unresolved += 1;
      continue;
    }
    entries.push(dependencyEntry({ ecosystem: 'Maven', name, version, line }, { direct: true, dev: textOf(item, 'scope') === 'test' }));
  }
  const warnings =
    unresolved === 0
      ? []
      : [`${unresolved} ${unresolved === 1 ? 'dependency has' : 'dependencies have'} no version in this tree and cannot be checked`];
  return { entries, warnings };
}

async function projectOf(model: unknown, { filePath, readSibling }: LockFileContext): Promise<Project> {
  const models = [model];
  let child = model;
  let childPath = filePath;
  while (models.length <= maxParents) {
    const parent = field(child, 'parent');
    if (asRecord(parent) === null) break;
    const declared = field(parent, 'relativePath');
    // An empty <relativePath/> says: from the repository, not from the tree.
    const relative = declared === undefined ? '../pom.xml' : asText(declared).trim();
    if (relative === '') break;
    childPath = path.join(path.dirname(childPath), relative.endsWith('.xml') ? relative : `${relative}/pom.xml`);
    const parentText = await readSibling(childPath);
    child = parentText === null ? null : field(parseXml(parentText), 'project');
    if (asRecord(child) === null) break;
    models.push(child);
  }
  return { models, properties: propertiesOf(models) };
}

function propertiesOf(models: readonly unknown[]): ReadonlyMap<string, string> {
  const properties = new Map<string, string>();
  for (const model of models.toReversed()) {
    for (const [name, value] of fields(field(model, 'properties'))) properties.set(name, asText(value).trim());
  }
  const [self] = models;
  const parent = field(self, 'parent');
  for (const name of ['groupId', 'artifactId', 'version']) {
    const inherited = textOf(parent, name);
    const own = textOf(self, name) || (name === 'artifactId' ? '' : inherited);
    for (const prefix of ['project.', 'pom.', '']) if (own !== '') properties.set(prefix + name, own);
    if (inherited !== '') properties.set(`project.parent.${name}`, inherited);
  }
  return properties;
}

function managedVersions(project: Project): ReadonlyMap<string, string> {
  const managed = new Map<string, string>();
  for (const model of project.models) {
    for (const item of listOf(field(model, 'dependencyManagement'), 'dependencies', 'dependency')) {
      const name = nameOf(item, project);
      const version = expand(textOf(item, 'version'), project);
      if (name !== null && version !== '' && !managed.has(name)) managed.set(name, version);
    }
  }
  return managed;
}

function nameOf(dependency: unknown, project: Project): string | null {
  const group = expand(textOf(dependency, 'groupId'), project);
  const artifact = expand(textOf(dependency, 'artifactId'), project);
  return group === '' || artifact === '' || `${group}${artifact}`.includes('${') ? null : `${group}:${artifact}`;
}

function expand(text: string, { properties }: Project): string {
  let expanded = text;
  for (let round = 0; round < maxExpansions && expanded.includes('${') && expanded.length <= maxExpandedLength; round += 1) {
    expanded = expanded.replace(/\$\{([^}]+)\}/g, (placeholder, name: string) => properties.get(name.trim()) ?? placeholder);
  }
  return expanded.length > maxExpandedLength ? '' : expanded;
}

/** `[1.2]` is exactly 1.2; any other range, LATEST and an unknown property name no version. */
function exactVersion(version: string): string | null {
  const exact = /^\[([^,[\]()]+)\]$/.exec(version)?.[1] ?? version;
  return exact === '' || /[[\](),${}\s]|^(LATEST|RELEASE)$/.test(exact) ? null : exact;
}

function listOf(parent: unknown, list: string, item: string): readonly unknown[] {
  const value = field(field(parent, list), item);
  return Array.isArray(value) ? asArray(value) : value === undefined ? [] : [value];
}

function textOf(parent: unknown, name: string): string {
  return asText(field(parent, name)).trim();
}
