import type { FindingDraft } from '@cloudscan/domain';
import { readJsonItems } from '@cloudscan/json-stream';
import { redactSecrets } from '@cloudscan/telemetry';
import { completeFinding } from '../../builtin/protocol.ts';
import { asArray, asText, field } from '../../inventory/untrusted.ts';
import { isFinding, maxFilesKept, noPackage, ownLicenses } from '../../license/judging.ts';
import { licenseFinding } from '../../license/license-finding.ts';
import type { LicensedThing } from '../../license/license-finding.ts';
import { isLicenseFileName } from '../../license/license-text.ts';
import { judge } from '../../license/policy.ts';
import type { LicensePolicy, LicenseVerdict } from '../../license/policy.ts';
import { snippetOf } from '../../source/snippet.ts';
import { rawOutputOf } from '../raw-output.ts';
import type { Deliver } from '../run-tool.ts';
import { LicenseReferences, statedBy } from './license-references.ts';

/** Bytes of what was detected in one file, with the texts that matched, and of one licence's text. */
const maxItemBytes = 64 * 1024 * 1024;
const maxDepth = 64;

/** Of one file or package; a text of licences such as a NOTICE file has thousands. */
const maxMatches = 30;
const maxMatchedText = 2000;
const maxReferences = 20;

/** Where ScanCode's own licence database is published. */
const licenseDatabase = 'https://scancode-licensedb.aboutcode.org';

/** ScanCode's package types (those of package URLs) as OSV names ecosystems. */
const ecosystems: Readonly<Record<string, string>> = {
  npm: 'npm',
  pypi: 'PyPI',
  golang: 'Go',
  maven: 'Maven',
  cargo: 'crates.io',
  composer: 'Packagist',
  gem: 'RubyGems',
  nuget: 'NuGet',
};

/** A place that made ScanCode think of a licence. */
interface LicenseMatch {
  /** In ScanCode's own keys: versions before 32.2 say it no other way. */
  readonly expression: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly text: string;
  /** Percent. */
  readonly score: number;
  readonly rule: string;
}

interface Detected extends LicensedThing {
  readonly otherFiles: string[];
  readonly matches: readonly LicenseMatch[];
}

/**
 * A report of ScanCode 32 (output format 3 and 4) as the findings that the built-in licence scanner would make of what ScanCode knows: one for
 * each licence expression of the source's files, at the first file that has it, and one for each package.
 */
export class ScancodeReport {
  readonly #policy: LicensePolicy;
  readonly #references = new LicenseReferences();
  /** What the repository says of itself: by expression. */
  readonly #root = new Map<string, Detected>();
  readonly #files = new Map<string, Detected>();
  /** By ecosystem, name, version and expression. */
  readonly #packages = new Map<string, Detected>();
  #errors = 0;
  #firstError = '';
  #toolVersion = '';
  /** Whether the report was read to its end. */
  isComplete = false;

  constructor(policy: LicensePolicy) {
    this.#policy = policy;
  }

  /** @throws JsonStreamError when it is no report */
  async read(stdout: AsyncIterable<Uint8Array>, deliver: Deliver): Promise<void> {
    const select = ['$.headers[*].tool_version', '$.headers[*].errors[*]', '$.license_references[*]', '$.files[*]'];
    for await (const { path, value } of readJsonItems(stdout, { select, maxItemBytes, maxDepth })) {
      switch (path[0]) {
        case 'headers':
          if (path[2] === 'errors') this.#takeError(asText(value));
          else this.#toolVersion = asText(value);
          break;
        case 'license_references':
          this.#references.add({
            key: asText(field(value, 'key')),
            spdxKey: asText(field(value, 'spdx_license_key')),
            category: asText(field(value, 'category')),
          });
          break;
        default:
          this.#takeFile(value);
      }
    }
    for (const finding of this.#findings()) await deliver(finding);
    this.isComplete = true;
  }

  /** What ScanCode could not read to its end; empty when it has read all. */
  remark(): string {
    return this.#errors === 0 ? '' : `problems with files: ${this.#errors}, the first: ${this.#firstError}`;
  }

  #takeError(words: string): void {
    if (this.#errors === 0) this.#firstError = redactSecrets(words.replace(/\s+/g, ' ').trim()).slice(0, 300);
    this.#errors += 1;
  }

  *#findings(): Generator<FindingDraft, void> {
    const own = ownLicenses([...this.#root.values()]);
    for (const detected of this.#root.values()) yield* this.#findingsOf(detected, own, (verdict) => verdict.decision === 'denied');
    for (const detected of [...this.#files.values(), ...this.#packages.values()]) yield* this.#findingsOf(detected, own, () => true);
  }

  #takeFile(file: unknown): void {
    if (field(file, 'type') !== 'file') return;
    const filePath = asText(field(file, 'path')).toWellFormed();
    const isAtRoot = !filePath.includes('/');
    const packages = asArray(field(file, 'package_data')).flatMap((item) => packageOf(item, filePath));
    if (packages.length > 0 && !isAtRoot) {
      for (const item of packages)
        add(this.#packages, [item.ecosystem, item.packageName, item.packageVersion, item.license].join('\0'), item);
      return;
    }
    const license = asText(field(file, 'detected_license_expression_spdx'));
    if (license === '') return;
    const detected = { ...noPackage, license, filePath, line: 1, otherFiles: [], matches: matchesOf(field(file, 'license_detections')) };
    const speaksForAll = isAtRoot && (packages.length > 0 || isLicenseFileName(filePath));
    add(speaksForAll ? this.#root : this.#files, license, detected);
  }

  *#findingsOf(detected: Detected, own: ReadonlySet<string>, wants: (verdict: LicenseVerdict) => boolean): Generator<FindingDraft, void> {
    const verdict = this.#judge(detected.license);
    if (!isFinding(verdict, detected.license, own) || !wants(verdict)) return;
    const match = this.#tellingMatch(detected.matches, verdict);
    const { startLine, endLine, text } = match ?? { startLine: 1, endLine: 1, text: '' };
    const references = this.#references.in(detected.license).slice(0, maxReferences);
    const finding = licenseFinding({ ...detected, license: statedBy(detected.license).text, line: startLine }, verdict);
    yield completeFinding(
      {
        ...finding,
        endLine,
        codeSnippet: snippetOf(redactSecrets(text).split(/\r?\n/), 1, endLine - startLine + 1),
        references: [...(finding.references ?? []), ...references.map(({ key }) => `${licenseDatabase}/${key}`)],
        rawOutput: rawOutputOf({
          category: verdict.category,
          decision: verdict.decision,
          ecosystem: detected.ecosystem,
          licenses: references.map(({ key, category }) => ({ key, category })),
          matches: detected.matches.map(({ expression, score, rule, startLine }) => ({ expression, score, rule, startLine })),
        }),
      },
      { scanType: 'license', toolName: 'scancode', toolVersion: this.#toolVersion },
    );
  }

  #judge(expression: string): LicenseVerdict {
    return judge(statedBy(expression), this.#policy, (identifier, exception) => this.#references.categoryOf(identifier, exception));
  }

  /** Of a file that says several things, the place that decided the verdict. */
  #tellingMatch(matches: readonly LicenseMatch[], { category, decision }: LicenseVerdict): LicenseMatch | undefined {
    const isTelling = ({ expression }: LicenseMatch): boolean => {
      const verdict = this.#judge(this.#references.toSpdx(expression));
      return verdict.category === category && verdict.decision === decision;
    };
    return matches.find(isTelling) ?? matches[0];
  }
}

function add(things: Map<string, Detected>, key: string, detected: Detected): void {
  const known = things.get(key);
  if (known === undefined) things.set(key, detected);
  else if (known.otherFiles.length < maxFilesKept) known.otherFiles.push(detected.filePath);
}

/** None for a manifest that states no licence. */
function packageOf(item: unknown, filePath: string): Detected[] {
  const license = asText(field(item, 'declared_license_expression_spdx'));
  const name = asText(field(item, 'name'));
  if (license === '' || name === '') return [];
  const type = asText(field(item, 'type'));
  const namespace = asText(field(item, 'namespace'));
  const packageName = namespace === '' ? name : `${namespace}${type === 'maven' ? ':' : '/'}${name}`;
  return [
    {
      license,
      packageName,
      packageVersion: asText(field(item, 'version')),
      ecosystem: ecosystems[type] ?? type,
      filePath,
      line: 1,
      otherFiles: [],
      direct: null,
      dev: null,
      matches: matchesOf(field(item, 'license_detections')),
    },
  ];
}

function matchesOf(detections: unknown): readonly LicenseMatch[] {
  return asArray(detections)
    .flatMap((detection) => asArray(field(detection, 'matches')))
    .slice(0, maxMatches)
    .map((match) => ({
      expression: asText(field(match, 'license_expression')),
      startLine: lineOf(field(match, 'start_line')),
      endLine: Math.max(lineOf(field(match, 'start_line')), lineOf(field(match, 'end_line'))),
      text: asText(field(match, 'matched_text')).slice(0, maxMatchedText),
      score: Number(field(match, 'score')) || 0,
      rule: asText(field(match, 'rule_identifier')),
    }));
}

function lineOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 1;
}
