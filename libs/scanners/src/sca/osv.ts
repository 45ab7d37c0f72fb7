import { createHash } from 'node:crypto';
import { ecosystems, normalizeName } from '../inventory/dependency.ts';
import type { Ecosystem } from '../inventory/dependency.ts';
import { asArray, asRecord, asText, field } from '../inventory/untrusted.ts';

/** What this scanner uses of an OSV record (https://ossf.github.io/osv-schema/), checked and capped. */
export interface Advisory {
  readonly id: string;
  /** ISO 8601; empty when the record has none. */
  readonly modified: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly details: string;
  /** Of the ecosystems that this scanner knows. */
  readonly affected: readonly AffectedPackage[];
  readonly severity: readonly SeverityScore[];
  readonly references: readonly string[];
  /** `database_specific.severity`, or that of the first affected package that has one. */
  readonly severityLabel: string;
  readonly cweIds: readonly string[];
}

export interface AffectedPackage {
  readonly ecosystem: Ecosystem;
  /** Normalised by `normalizeName`. */
  readonly name: string;
  readonly ranges: readonly (readonly RangeEvent[])[];
  readonly versions: readonly string[];
  readonly severity: readonly SeverityScore[];
}

export type RangeEventKind = 'introduced' | 'fixed' | 'last_affected' | 'limit';

export interface RangeEvent {
  readonly kind: RangeEventKind;
  readonly version: string;
}

export interface SeverityScore {
  /** For example `CVSS_V3`. */
  readonly type: string;
  readonly score: string;
}

const maxDetails = 8000;
const maxReferences = 50;
const maxVersions = 20_000;

/** Null for a record that is withdrawn, has no id, or touches no package that this scanner knows. */
export function parseAdvisory(record: unknown): Advisory | null {
  const id = asText(field(record, 'id'));
  if (id === '' || asText(field(record, 'withdrawn')) !== '') return null;
  const affectedRecords = asArray(field(record, 'affected'));
  const affected = affectedRecords.flatMap(parseAffected);
  if (affected.length === 0) return null;
  const specific = [record, ...affectedRecords].map((item) => field(item, 'database_specific'));
  return {
    id,
    modified: asText(field(record, 'modified')),
    aliases: texts(field(record, 'aliases')),
    summary: asText(field(record, 'summary')).slice(0, 500),
    details: asText(field(record, 'details')).slice(0, maxDetails),
    affected,
    severity: parseSeverity(field(record, 'severity')),
    references: asArray(field(record, 'references'))
      .map((reference) => asText(field(reference, 'url')))
      .filter((url) => /^https?:\/\//.test(url))
      .slice(0, maxReferences),
    severityLabel: specific.map((item) => asText(field(item, 'severity'))).find((label) => label !== '') ?? '',
    cweIds: [...new Set(specific.flatMap(cweIdsOf))],
  };
}

/** GitHub writes `cwe_ids`, PyPA and npm's malware reports write `cwes` with objects. */
function cweIdsOf(specific: unknown): string[] {
  const listed = [...asArray(field(specific, 'cwe_ids')), ...asArray(field(specific, 'cwes')).map((cwe) => field(cwe, 'cweId') ?? cwe)];
  return listed.map(asText).filter((id) => /^CWE-\d+$/.test(id));
}

function parseAffected(record: unknown): AffectedPackage[] {
  const item = field(record, 'package');
  const ecosystem = ecosystemOf(asText(field(item, 'ecosystem')));
  const name = asText(field(item, 'name'));
  if (ecosystem === null || name === '') return [];
  const ranges = asArray(field(record, 'ranges')).filter((range) => ['SEMVER', 'ECOSYSTEM'].includes(asText(field(range, 'type'))));
  return [
    {
      ecosystem,
      name: normalizeName(ecosystem, name),
      ranges: ranges.map((range) => asArray(field(range, 'events')).flatMap(parseEvent)),
      versions: texts(field(record, 'versions')).slice(0, maxVersions),
      severity: parseSeverity(field(record, 'severity')),
    },
  ];
}

function parseEvent(event: unknown): RangeEvent[] {
  const kinds: readonly RangeEventKind[] = ['introduced', 'fixed', 'last_affected', 'limit'];
  return kinds.flatMap((kind) => {
    const version = asText(field(event, kind));
    return version === '' ? [] : [{ kind, version }];
  });
}

function parseSeverity(value: unknown): SeverityScore[] {
  return asArray(value)
    .filter((item) => asRecord(item) !== null)
    .map((item) => ({ type: asText(field(item, 'type')), score: asText(field(item, 'score')) }));
}

function texts(value: unknown): string[] {
  return asArray(value).filter((item): item is string => typeof item === 'string');
}

/** An ecosystem may carry a suffix: `Maven:https://…`, `Packagist:…`. */
function ecosystemOf(text: string): Ecosystem | null {
  const [name] = text.split(':', 1);
  return ecosystems.find((ecosystem) => ecosystem === name) ?? null;
}

/** Lower-case hexadecimal SHA-256 of texts, which are kept apart. */
export function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
