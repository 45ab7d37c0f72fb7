import { createHash } from 'node:crypto';
import { scanTypes, severities } from '@cloudscan/domain';
import type { FindingDraft, ScanType, Severity } from '@cloudscan/domain';
import { fingerprintKey } from '../result.ts';
import { JsonNode } from './json-node.ts';
import { readMessage, readRequiredMessage } from './message.ts';
import { readPackage } from './package.ts';
import { readPlace, readRegion, sourcePath } from './places.ts';
import type { UriBases } from './places.ts';
import { firstOf, readReference } from './rules.ts';
import type { Reference, Rule } from './rules.ts';
import type { RunDetails } from './run-reader.ts';
import { baselineStates, resultKinds } from './sarif-result.ts';
import type { SarifResult } from './sarif-result.ts';
import { judgeScanType } from './scan-type.ts';
import { levels, readSecuritySeverity, severityOf } from './severity.ts';
import type { Level } from './severity.ts';
import { cweOfReference, findRule } from './tool-component.ts';
import { cveOf, cweOf, textsOf } from './weakness.ts';

export interface ResultReaderOptions {
  readonly toolName: string;
  readonly toolVersion: string;
  readonly details: RunDetails;
  readonly places: UriBases;
  /** Null judges each result. */
  readonly scanType: ScanType | null;
}

const suppressionStates = ['accepted', 'underReview', 'rejected'] as const;
const maxRawOutputBytes = 16 * 1024;

/** Makes findings of the results of one run. */
export class ResultReader {
  readonly #options: ResultReaderOptions;

  constructor(options: ResultReaderOptions) {
    this.#options = options;
  }

  read(result: JsonNode): Omit<SarifResult, 'runIndex' | 'resultIndex'> {
    const suppressions = result.at('suppressions').items();
    return {
      draft: this.#draft(result),
      suppressed:
        suppressions.length > 0 && suppressions.every((each) => (each.at('status').member(suppressionStates) ?? 'accepted') === 'accepted'),
      baseline: result.at('baselineState').member(baselineStates),
      kind: result.at('kind').member(resultKinds) ?? 'fail',
      moreLocations: Math.max(0, result.at('locations').items().length - 1),
    };
  }

  #draft(result: JsonNode): FindingDraft {
    const { toolName, toolVersion, details, places } = this.#options;
    const reference = ruleReference(result);
    const rule = findRule(reference, details.driver, details.extensions);
    const properties = result.at('properties');
    const own = (key: string): string => textsOf(properties.at(key))[0] ?? '';
    const message = readRequiredMessage(result.at('message'), rule?.messageStrings ?? new Map(), details.globalMessageStrings);
    const physical = (result.at('locations').items()[0] ?? JsonNode.absent).at('physicalLocation');
    const ruleId = reference.id || (rule?.id ?? '');
    const title = own('title') || (rule?.title ?? '') || firstLine(message);
    const filePath = sourcePath(readPlace(physical.at('artifactLocation')), places);
    const references = textsOf(properties.at('references'));
    const cveId = own('cveId') || (rule?.cveId ?? '') || firstOf([ruleId, ...textsOf(properties.at('tags'))], cveOf);
    const securitySeverity = readSecuritySeverity(properties.at('security-severity').value) ?? rule?.securitySeverity ?? null;
    const draft = {
      toolName,
      toolVersion,
      ruleId,
      severity: ownSeverity(properties) ?? severityOf(securitySeverity, this.#level(result, reference, rule)),
      title,
      description: message === title ? '' : message,
      filePath,
      ...toColumns(readRegion(physical)),
      cveId,
      cweId: own('cweId') || this.#cwe(result, rule),
      // Elsewhere it is a score of the rule's author in the bands of CVSS.
      cvssScore: readSecuritySeverity(properties.at('cvssScore').value) ?? (cveId === '' ? 0 : (securitySeverity ?? 0)),
      cvssVector: own('cvssVector') || (rule?.cvssVector ?? ''),
      ...readPackage(properties, message),
      license: own('license'),
      licenseCategory: own('licenseCategory'),
      remediation: own('remediation') || readFix(result) || helpOf(rule, message),
      references: references.length > 0 ? references : (rule?.references ?? []),
      rawOutput: rawOutputOf(result),
      fingerprint: this.#fingerprint(result, ruleId, filePath),
    };
    const said = scanTypes.find((each) => each === own('scanType'));
    const scanType = this.#options.scanType ?? said ?? judgeScanType(draft, [...textsOf(properties.at('tags')), ...(rule?.tags ?? [])]);
    return { ...draft, scanType };
  }

  /** SARIF section 3.27.10: the result's own, else what the tool was configured for, else the rule's, else a warning. */
  #level(result: JsonNode, reference: Reference, rule: Rule | null): Level {
    const own = result.at('level').member(levels);
    if (own !== null) return own;
    const kind = result.at('kind').member(resultKinds) ?? 'fail';
    if (kind !== 'fail') return 'none';
    const { levelOverrides, driver, extensions } = this.#options.details;
    const override = levelOverrides.find((each) =>
      rule === null ? each.rule.id === reference.id : findRule(each.rule, driver, extensions) === rule,
    );
    return override?.level ?? rule?.level ?? 'warning';
  }

  #cwe(result: JsonNode, rule: Rule | null): string {
    const { taxonomies } = this.#options.details;
    const properties = result.at('properties');
    const byName = firstOf([...textsOf(properties.at('cwe')), ...textsOf(properties.at('tags'))], cweOf);
    if (byName !== '') return byName;
    const taxa = result.at('taxa').items().map(readReference);
    for (const each of [...taxa, ...(rule?.related ?? [])]) {
      const cwe = cweOfReference(each, taxonomies);
      if (cwe !== null) return cwe;
    }
    return rule?.cweId ?? '';
  }

  /**
   * Ours as it is. A full fingerprint tells a result by itself; a partial one only together with its rule and its file (SARIF sections
   * 3.27.16 and 3.27.17). Empty where the tool gives none.
   */
  #fingerprint(result: JsonNode, ruleId: string, filePath: string): string {
    const partial = readFingerprints(result.at('partialFingerprints'));
    const own = partial.find(([key]) => key === fingerprintKey);
    if (own !== undefined && /^[0-9a-f]{16,128}$/.test(own[1])) return own[1];
    const full = readFingerprints(result.at('fingerprints'));
    if (full.length > 0) return digest([this.#options.toolName, full]);
    return partial.length > 0 ? digest([this.#options.toolName, ruleId, filePath, partial]) : '';
  }
}

function ruleReference(result: JsonNode): Reference {
  const rule = readReference(result.at('rule'));
  return { ...rule, id: result.at('ruleId').text() || rule.id, index: knownIndex(result.at('ruleIndex').integer() ?? rule.index) };
}

/** -1 stands for none (SARIF section 3.27.6). */
function knownIndex(index: number | null): number | null {
  return index === null || index < 0 ? null : index;
}

function ownSeverity(properties: JsonNode): Severity | null {
  return severities.find((each) => each === properties.at('severity').value && properties.at('scanType').isThere) ?? null;
}

function toColumns({
  snippet,
  ...lines
}: ReturnType<typeof readRegion>): Pick<FindingDraft, 'startLine' | 'endLine' | 'startColumn' | 'endColumn' | 'codeSnippet'> {
  return { ...lines, codeSnippet: snippet };
}

/** Help that only says again what is wrong is none. */
function helpOf(rule: Rule | null, message: string): string {
  return rule === null || rule.remediation === message ? '' : rule.remediation;
}

function readFix(result: JsonNode): string {
  const fix = result.at('fixes').items()[0];
  return fix === undefined ? '' : readMessage(fix.at('description'));
}

/** What gitleaks calls partial fingerprints: all of one commit have the same. */
const commitKeys = new Set(['commitSha', 'commitMessage', 'author', 'email', 'date']);

/** Nothing where sentences stand for what the tool does not tell: Semgrep gives every result the fingerprint `requires login`. */
function readFingerprints(node: JsonNode): readonly (readonly [string, string])[] {
  return node
    .members()
    .map(([key, value]) => [key, value.text()] as const)
    .filter(([key, value]) => /^\S+$/.test(value) && !commitKeys.has(key))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** JSON that is cut is no JSON: a record that is too large is left out. */
function rawOutputOf({ value }: JsonNode): string {
  const text = JSON.stringify(value);
  return Buffer.byteLength(text) <= maxRawOutputBytes ? text : '';
}

function firstLine(text: string): string {
  return text.trimStart().split('\n', 1)[0]!.trimEnd();
}
