import type { FindingDraft } from '@cloudscan/domain';
import { readJsonItems } from '@cloudscan/json-stream';
import type { JsonItem } from '@cloudscan/json-stream';
import { redactSecrets } from '@cloudscan/telemetry';
import { completeFinding } from '../../builtin/protocol.ts';
import { normalizeName } from '../../inventory/dependency.ts';
import type { Ecosystem } from '../../inventory/dependency.ts';
import { asArray, asText, field } from '../../inventory/untrusted.ts';
import { readLicenseExpression } from '../../license/license-expression.ts';
import { nearestFix } from '../../sca/match.ts';
import { remediation } from '../../sca/sca-finding.ts';
import { FileFingerprints } from '../../source/fingerprint.ts';
import { snippetOf } from '../../source/snippet.ts';
import { rawOutputOf } from '../raw-output.ts';
import type { Deliver } from '../run-tool.ts';
import { trivySeverity } from '../severity.ts';
import { SourceText } from '../source-text.ts';
import { preferredCvss } from './cvss.ts';

/** Bytes of one vulnerability or package. */
const maxItemBytes = 4 * 1024 * 1024;
const maxDepth = 64;
const maxReferences = 30;

/** Trivy's types of a result (https://trivy.dev/latest/docs/coverage/language/) as ecosystems of OSV. */
const ecosystems: Readonly<Record<string, Ecosystem>> = {
  npm: 'npm',
  yarn: 'npm',
  pnpm: 'npm',
  bun: 'npm',
  pip: 'PyPI',
  pipenv: 'PyPI',
  poetry: 'PyPI',
  uv: 'PyPI',
  pylock: 'PyPI',
  gomod: 'Go',
  gobinary: 'Go',
  pom: 'Maven',
  gradle: 'Maven',
  sbt: 'Maven',
  jar: 'Maven',
  cargo: 'crates.io',
  rustbinary: 'crates.io',
  composer: 'Packagist',
  bundler: 'RubyGems',
  gemspec: 'RubyGems',
  nuget: 'NuGet',
  'dotnet-core': 'NuGet',
  'packages-props': 'NuGet',
};

/** What the maintainers of a package have said about a vulnerability without a fix. */
const statuses: Readonly<Record<string, string>> = {
  will_not_fix: ' Its maintainers have said that they will not fix it.',
  fix_deferred: ' Its maintainers have put the fix off.',
  end_of_life: ' This version is no longer maintained.',
};

/** What the report says of a package apart from its vulnerabilities. */
interface ReportedPackage {
  /** 0 for lock files of which Trivy tells no lines, such as go.mod. */
  readonly line: number;
  readonly endLine: number;
  /** Null when the lock file does not tell. */
  readonly direct: boolean | null;
  readonly dev: boolean;
  readonly license: string;
}

const unlisted: ReportedPackage = { line: 0, endLine: 0, direct: null, dev: false, license: '' };

/**
 * Trivy's report (`--format json`, schema version 2; https://trivy.dev/latest/docs/configuration/reporting/#json). A result is what one lock
 * file holds: its target and type come first, then its packages, which know their lines, then their vulnerabilities.
 */
export class TrivyReport {
  readonly #toolVersion: string;
  readonly #source: SourceText;
  #index: string | number | undefined;
  #target = '';
  #type = '';
  readonly #packages = new Map<string, ReportedPackage>();
  readonly #fingerprints = new Map<string, FileFingerprints>();
  /** Lock files and manifests that Trivy has read. */
  results = 0;

  constructor(sourceDir: string, toolVersion: string) {
    this.#source = new SourceText(sourceDir);
    this.#toolVersion = toolVersion;
  }

  /** @throws JsonStreamError when it is no report */
  async read(stdout: AsyncIterable<Uint8Array>, deliver: Deliver): Promise<void> {
    const select = ['Target', 'Type', 'Packages[*]', 'Vulnerabilities[*]'].map((name) => `$.Results[*].${name}`);
    for await (const item of readJsonItems(stdout, { select, maxItemBytes, maxDepth })) {
      const finding = await this.#take(item);
      if (finding !== null) await deliver(finding);
    }
  }

  async #take({ path: [, index, name], value }: JsonItem): Promise<FindingDraft | null> {
    if (index !== this.#index) {
      this.#index = index;
      this.#packages.clear();
      this.#fingerprints.clear();
      this.results += 1;
    }
    switch (name) {
      case 'Target':
        this.#target = asText(value);
        return null;
      case 'Type':
        this.#type = asText(value);
        return null;
      case 'Packages':
        this.#packages.set(identityOf(value, 'Identifier', 'ID'), packageOf(value));
        return null;
      default:
        return this.#finding(value);
    }
  }

  async #finding(vulnerability: unknown): Promise<FindingDraft> {
    const text = (name: string): string => asText(field(vulnerability, name));
    const ecosystem = ecosystems[this.#type] ?? null;
    const id = text('VulnerabilityID');
    const name = text('PkgName');
    const version = versionOf(ecosystem, text('InstalledVersion'));
    const { direct, dev, license, ...listed } = this.#packages.get(identityOf(vulnerability, 'PkgIdentifier', 'PkgID')) ?? unlisted;
    const packageKey =
      ecosystem === null ? `${this.#type} ${name} ${version}` : `${ecosystem} ${normalizeName(ecosystem, name)} ${version}`;
    const cvss = preferredCvss(field(vulnerability, 'CVSS'), text('SeveritySource'));
    const fixedVersion = versionOf(ecosystem, fixOf(ecosystem, text('FixedVersion'), text('InstalledVersion')));
    const fixAdvice = remediation({ ecosystem: ecosystem ?? '', name, direct }, fixedVersion);
    const description = text('Description');
    // What lies in an archive has a path of its own.
    const filePath = this.#source.relativePath(text('PkgPath') || this.#target)?.toWellFormed() ?? '';
    const lines = await this.#source.linesOf(filePath);
    const line = listed.line || lines.findIndex((each) => each.includes(name) && each.includes(version)) + 1;
    const endLine = Math.max(line, listed.endLine);
    return completeFinding(
      {
        ruleId: id,
        severity: trivySeverity(text('Severity'), cvss.score),
        title: `${name} ${version}: ${text('Title') || firstLine(description) || `known vulnerability ${id}`}`.slice(0, 500),
        description: description || text('Title') || `${name} ${version} is affected by ${id}.`,
        filePath,
        startLine: line,
        endLine,
        codeSnippet: line === 0 ? '' : redactSecrets(snippetOf(lines, line, endLine)),
        cveId: [id, ...textsOf(field(vulnerability, 'VendorIDs'))].find((each) => each.startsWith('CVE-')) ?? '',
        cweId: textsOf(field(vulnerability, 'CweIDs'))[0] ?? '',
        cvssScore: cvss.score,
        cvssVector: cvss.vector,
        packageName: name,
        packageVersion: version,
        fixedVersion,
        license,
        remediation: fixedVersion === '' ? `${fixAdvice}${statuses[text('Status')] ?? ''}` : fixAdvice,
        references: [...new Set([text('PrimaryURL'), ...textsOf(field(vulnerability, 'References'))])]
          .filter((url) => /^https?:\/\//.test(url))
          .slice(0, maxReferences),
        rawOutput: rawOutputOf({ ...(vulnerability as object), Description: undefined, References: undefined, Type: this.#type, dev }),
        // By the recipe of the built-in scanner: the line and what advisories say change with time.
        fingerprint: this.#fingerprintsOf(filePath).next(id, packageKey),
      },
      { scanType: 'sca', toolName: 'trivy', toolVersion: this.#toolVersion },
    );
  }

  #fingerprintsOf(filePath: string): FileFingerprints {
    const known = this.#fingerprints.get(filePath) ?? new FileFingerprints(filePath);
    this.#fingerprints.set(filePath, known);
    return known;
  }
}

/** The identifier that newer versions give each package of a report (0.51), or that of older ones. */
function identityOf(item: unknown, identifier: string, id: string): string {
  return asText(field(field(item, identifier), 'UID')) || asText(field(item, id));
}

function packageOf(item: unknown): ReportedPackage {
  const [location] = asArray(field(item, 'Locations'));
  const [license = '', ...furtherLicenses] = textsOf(field(item, 'Licenses'));
  return {
    line: lineOf(field(location, 'StartLine')),
    endLine: lineOf(field(location, 'EndLine')),
    direct: directness(item),
    dev: field(item, 'Dev') === true,
    // Whether one of several may be chosen is not said.
    license: furtherLicenses.length > 0 ? '' : (readLicenseExpression(license)?.text ?? ''),
  };
}

/** `Relationship` since 0.53, before it `Indirect` alone. */
function directness(item: unknown): boolean | null {
  switch (field(item, 'Relationship')) {
    case 'direct':
    case 'workspace':
    case 'root':
      return true;
    case 'indirect':
      return false;
    default:
      return field(item, 'Indirect') === true ? false : null;
  }
}

/** Go's versions without their `v`, as OSV and our other findings have them. */
function versionOf(ecosystem: Ecosystem | null, version: string): string {
  return ecosystem === 'Go' ? version.replace(/^v/, '') : version;
}

/** Of several, one for each line of releases that is maintained, the nearest above what is installed. */
function fixOf(ecosystem: Ecosystem | null, fixes: string, installed: string): string {
  const versions = fixes.split(',').map((version) => version.trim());
  if (ecosystem === null) return versions[0]!;
  const events = versions.map((version) => ({ kind: 'fixed', version }) as const);
  return nearestFix({ ecosystem, name: '', ranges: [events], versions: [], severity: [] }, installed) || versions[0]!;
}

function lineOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function textsOf(value: unknown): string[] {
  return asArray(value).filter((item): item is string => typeof item === 'string');
}

function firstLine(text: string): string {
  return /^\S.{0,200}/.exec(text)?.[0] ?? '';
}
