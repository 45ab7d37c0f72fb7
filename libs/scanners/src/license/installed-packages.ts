import { readdir } from 'node:fs/promises';
import nativePath from 'node:path';
import path from 'node:path/posix';
import { LockFileError } from '../inventory/dependency.ts';
import type { Ecosystem } from '../inventory/dependency.ts';
import { parseJson, parseToml } from '../inventory/parse.ts';
import { asArray, asText, field } from '../inventory/untrusted.ts';
import { readSourceText, walkSource } from '../source/walk-source.ts';
import { readLicenseExpression } from './license-expression.ts';
import { isLicenseFileName, recognizeLicenseText } from './license-text.ts';

/** Bytes of one metadata file. Those of Composer and of vendored Go cover all packages, others one. */
const maxMetadataBytes = 8 * 1024 * 1024;
const maxLicenseBytes = 256 * 1024;
/** Licence files of one package that are read. */
const maxLicenseFiles = 4;
/** Unlike elsewhere, the folders of installed packages are entered: they are what is looked for. */
const notEntered: ReadonlySet<string> = new Set(['.git', '.hg', '.svn']);

/** A package that lies in the tree itself, with what it says about its licence. */
export interface InstalledPackage {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly version: string;
  /** The licence field as it stands, or what the text beside it is; empty when neither says anything. */
  readonly license: string;
  /** The file that names the package: relative to the source's root. */
  readonly filePath: string;
}

/** What metadata says of one package; `folder` is where its licence text would lie. */
interface Described extends Omit<InstalledPackage, 'filePath'> {
  readonly folder: string;
}

type MetadataReader = (text: string, filePath: string) => readonly Described[];

const readers: readonly (readonly [RegExp, MetadataReader])[] = [
  [/(^|\/)node_modules\/(@[^/]+\/)?[^/.@][^/]*\/package\.json$/, readNodePackage],
  [/(\.dist-info\/METADATA|\.egg-info\/PKG-INFO)$/, readPythonMetadata],
  [/(^|\/)vendor\/[^/]+\/Cargo\.toml$/, readCargoManifest],
  [/(^|\/)vendor\/composer\/installed\.json$/, readComposerInstalled],
  [/(^|\/)vendor\/modules\.txt$/, readGoVendored],
  [/(^|\/)specifications\/[^/]+\.gemspec$/, readGemspec],
];

/**
 * The packages installed or vendored in a tree: node_modules, Python's site-packages, vendored Cargo, Composer, Ruby and Go
 * packages. One whose metadata names no licence gets the one whose text lies beside it. Metadata that cannot be read is passed
 * over: the package manager would not use it either.
 */
export async function* installedPackages(sourceDir: string): AsyncGenerator<InstalledPackage, void> {
  const files = walkSource(sourceDir, {
    maxFileBytes: maxMetadataBytes,
    ignoredFolders: notEntered,
    wants: (filePath) => readerOf(filePath) !== null,
  });
  for await (const file of files) {
    const text = await readSourceText(file);
    if (text === null) continue;
    for (const { folder, ...described } of readMetadata(readerOf(file.path)!, text, file.path)) {
      const saysNothing = described.license === '' || /^see\b/i.test(described.license);
      const license = saysNothing ? (await licenseTextIn(sourceDir, folder)) || described.license : described.license;
      yield { ...described, license, filePath: file.path };
    }
  }
}

function readerOf(filePath: string): MetadataReader | null {
  return readers.find(([pattern]) => pattern.test(filePath))?.[1] ?? null;
}

function readMetadata(reader: MetadataReader, text: string, filePath: string): readonly Described[] {
  try {
    return reader(text, filePath).filter(({ name, version }) => name !== '' && version !== '');
  } catch (error) {
    if (error instanceof LockFileError || error instanceof RangeError) return [];
    throw error;
  }
}

async function licenseTextIn(sourceDir: string, folder: string): Promise<string> {
  const location = nativePath.join(sourceDir, folder);
  const entries = await readdir(location, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile() && isLicenseFileName(entry.name)).map(({ name }) => name);
  const recognized = new Set<string>();
  for (const name of names.sort().slice(0, maxLicenseFiles)) {
    const text = await readSourceText({
      path: `${folder}/${name}`,
      name,
      size: maxLicenseBytes,
      location: Buffer.from(nativePath.join(location, name)),
    });
    for (const id of recognizeLicenseText(text ?? '')) recognized.add(id);
  }
  // Several texts beside one package are mostly a choice (LICENSE-MIT, LICENSE-APACHE).
  return [...recognized].join(' OR ');
}

function readNodePackage(text: string, filePath: string): Described[] {
  const manifest = parseJson(text);
  const stated = field(manifest, 'license') ?? field(manifest, 'licence') ?? field(manifest, 'licenses');
  const license = (Array.isArray(stated) ? asArray(stated) : [stated])
    .map((item) => asText(item) || asText(field(item, 'type')))
    .filter((item) => item !== '');
  return [
    {
      ecosystem: 'npm',
      name: asText(field(manifest, 'name')),
      version: asText(field(manifest, 'version')),
      license: license.length > 1 ? license.map((item) => `(${item})`).join(' OR ') : (license[0] ?? ''),
      folder: path.dirname(filePath),
    },
  ];
}

/** https://packaging.python.org/en/latest/specifications/core-metadata/: headers as in an e-mail, until an empty line. */
function readPythonMetadata(text: string, filePath: string): Described[] {
  const [headers = ''] = text.split(/\r?\n\r?\n/, 1);
  const values = (name: string): string[] =>
    [...headers.matchAll(new RegExp(`^${name}:[ \\t]*(.*)$`, 'gim'))].map((match) => match[1]!.trim());
  const classifiers = values('Classifier').flatMap((classifier) => /^License :: (?:OSI Approved :: )?(.+)$/.exec(classifier)?.[1] ?? []);
  const stated = values('License')[0] ?? '';
  // `License` is free text, often the first line of a whole licence: it counts where it is understood, or nothing else is there.
  const understood = (readLicenseExpression(stated)?.node ?? null) !== null;
  const license = values('License-Expression')[0] ?? (understood ? stated : classifiers.map(classifierLicense).join(' AND '));
  return [
    {
      ecosystem: 'PyPI',
      name: values('Name')[0] ?? '',
      version: values('Version')[0] ?? '',
      license: license || stated,
      folder: path.dirname(filePath),
    },
  ];
}

/** Classifiers that no correction maps rightly. */
const classifierIds: ReadonlyMap<string, string> = new Map([
  ['MIT License', 'MIT'],
  ['BSD License', 'BSD-3-Clause'],
  ['Apache Software License', 'Apache-2.0'],
  ['Python Software Foundation License', 'PSF-2.0'],
  ['ISC License (ISCL)', 'ISC'],
  ['Public Domain', 'CC0-1.0'],
  ['The Unlicense (Unlicense)', 'Unlicense'],
  ['zlib/libpng License', 'Zlib'],
  ['Mozilla Public License 2.0 (MPL 2.0)', 'MPL-2.0'],
  ['GNU General Public License v2 (GPLv2)', 'GPL-2.0-only'],
  ['GNU General Public License v2 or later (GPLv2+)', 'GPL-2.0-or-later'],
  ['GNU General Public License v3 (GPLv3)', 'GPL-3.0-only'],
  ['GNU General Public License v3 or later (GPLv3+)', 'GPL-3.0-or-later'],
  ['GNU General Public License (GPL)', 'GPL-2.0-or-later'],
  ['GNU Lesser General Public License v2 or later (LGPLv2+)', 'LGPL-2.1-or-later'],
  ['GNU Lesser General Public License v3 (LGPLv3)', 'LGPL-3.0-only'],
  ['GNU Lesser General Public License v3 or later (LGPLv3+)', 'LGPL-3.0-or-later'],
  ['GNU Affero General Public License v3', 'AGPL-3.0-only'],
  ['GNU Affero General Public License v3 or later (AGPLv3+)', 'AGPL-3.0-or-later'],
  ['Other/Proprietary License', 'UNLICENSED'],
]);

function classifierLicense(classifier: string): string {
  return classifierIds.get(classifier) ?? classifier;
}

function readCargoManifest(text: string, filePath: string): Described[] {
  const item = field(parseToml(text), 'package');
  const [name, version, license] = ['name', 'version', 'license'].map((key) => asText(field(item, key))) as [string, string, string];
  return [{ ecosystem: 'crates.io', name, version, license, folder: path.dirname(filePath) }];
}

function readComposerInstalled(text: string, filePath: string): Described[] {
  const installed = parseJson(text);
  const packages = Array.isArray(installed) ? installed : asArray(field(installed, 'packages'));
  return packages.map((item): Described => {
    const name = asText(field(item, 'name'));
    const licenses = asArray(field(item, 'license')).map(asText);
    const folder = path.join(path.dirname(path.dirname(filePath)), path.normalize(`/${name}`));
    return {
      ecosystem: 'Packagist',
      name,
      version: asText(field(item, 'version')).replace(/^v/, ''),
      license: licenses.join(' OR '),
      folder,
    };
  });
}

/** `# module version` heads each module of vendor/modules.txt (https://go.dev/ref/mod#go-mod-vendor). */
function readGoVendored(text: string, filePath: string): Described[] {
  return [...text.matchAll(/^# (\S+) v(\S+)/gm)].map(([, name, version]) => ({
    ecosystem: 'Go',
    name: name!,
    version: version!,
    license: '',
    folder: path.join(path.dirname(filePath), path.normalize(`/${name}`)),
  }));
}

function readGemspec(text: string, filePath: string): Described[] {
  const quoted = (line: RegExp): string => /["']([^"']+)["']/.exec(line.exec(text)?.[1] ?? '')?.[1] ?? '';
  const licenses = [...(/^\s*s\.licenses? = (.*)$/m.exec(text)?.[1] ?? '').matchAll(/["']([^"']+)["']/g)].map((match) => match[1]!);
  return [
    {
      ecosystem: 'RubyGems',
      name: quoted(/^\s*s\.name = (.*)$/m),
      version: quoted(/^\s*s\.version = (.*)$/m),
      license: licenses.join(' OR '),
      folder: path.join(path.dirname(path.dirname(filePath)), 'gems', path.basename(filePath, '.gemspec')),
    },
  ];
}
