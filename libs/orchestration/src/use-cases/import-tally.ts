import { noFindings, presentableFinding, scanTypes, severities, totalOf } from '@cloudscan/domain';
import type { FindingDraft, ScanType, SeverityCounts } from '@cloudscan/domain';
import type { SarifLogResult, SarifLogRun } from '../ports/sarif-logs.ts';

/** What became of the results of one run. */
export interface ImportedRun {
  readonly toolName: string;
  readonly toolVersion: string;
  readonly results: number;
  /** Findings. */
  readonly kept: number;
  readonly suppressed: number;
  readonly absent: number;
  readonly passed: number;
}

export const importCutKinds = ['results', 'locations', 'texts'] as const;
/** `results`: the least severe of a run that holds too many. `locations`: after a result's first. `texts`: findings whose texts were shortened. */
export type ImportCutKind = (typeof importCutKinds)[number];

/** What the log holds and the findings do not. */
export interface ImportCut {
  readonly kind: ImportCutKind;
  readonly runIndex: number;
  readonly count: number;
  /** How many are kept at most; 0 where it differs from text to text. */
  readonly limit: number;
  /** The JSON path of the first. */
  readonly firstPath: string;
}

/** Whether a result is a finding at all. */
export function isFinding({ isSuppressed, isAbsent, isPass }: SarifLogResult): boolean {
  return !isSuppressed && !isAbsent && !isPass;
}

/** How many of each severity are kept when the `limit` most severe are. */
export function mostSevere(counts: SeverityCounts, limit: number): SeverityCounts {
  let room = limit;
  const kept = { ...noFindings() };
  for (const severity of severities) {
    kept[severity] = Math.min(counts[severity], room);
    room -= kept[severity];
  }
  return kept;
}

/** Decides which results of one run become findings, and counts what becomes of all of them. */
export class RunTally {
  readonly #run: SarifLogRun;
  readonly #runIndex: number;
  /** How many of each severity may still be kept; null: all. */
  readonly #room: Record<keyof SeverityCounts, number> | null;
  readonly #limit: number;
  readonly #types = new Map<ScanType, number>();
  readonly #cuts = new Map<ImportCutKind, { count: number; limit: number; firstPath: string }>();
  #seen = 0;
  #kept = 0;
  #suppressed = 0;
  #absent = 0;
  #passed = 0;

  /** @param quota how many of each severity are kept; null where nothing has to be left out */
  constructor(run: SarifLogRun, runIndex: number, quota: SeverityCounts | null) {
    this.#run = run;
    this.#runIndex = runIndex;
    this.#room = quota === null ? null : { ...quota };
    this.#limit = quota === null ? 0 : totalOf(quota);
  }

  /** The finding that the result becomes; null when it becomes none. */
  take(result: SarifLogResult): FindingDraft | null {
    this.#seen += 1;
    if (!isFinding(result)) {
      // In this order, so that each result counts once.
      if (result.isSuppressed) this.#suppressed += 1;
      else if (result.isAbsent) this.#absent += 1;
      else this.#passed += 1;
      return null;
    }
    const { draft } = result;
    if (this.#room !== null) {
      if (this.#room[draft.severity] === 0) {
        this.#cut('results', 1, this.#limit, result);
        return null;
      }
      this.#room[draft.severity] -= 1;
    }
    this.#kept += 1;
    this.#types.set(draft.scanType, (this.#types.get(draft.scanType) ?? 0) + 1);
    if (result.moreLocations > 0) this.#cut('locations', result.moreLocations, 1, result);
    const finding = presentableFinding(draft);
    if (isShorter(finding, draft)) this.#cut('texts', 1, 0, result);
    return finding;
  }

  /** The types of its findings, the most frequent first. */
  get scanTypes(): readonly ScanType[] {
    const count = (type: ScanType): number => this.#types.get(type) ?? 0;
    return scanTypes.filter((type) => count(type) > 0).toSorted((a, z) => count(z) - count(a));
  }

  get summary(): ImportedRun {
    return {
      toolName: this.#run.tool.name,
      toolVersion: this.#run.tool.version,
      results: this.#seen,
      kept: this.#kept,
      suppressed: this.#suppressed,
      absent: this.#absent,
      passed: this.#passed,
    };
  }

  get cuts(): readonly ImportCut[] {
    return importCutKinds.flatMap((kind) => {
      const cut = this.#cuts.get(kind);
      return cut === undefined ? [] : [{ kind, runIndex: this.#runIndex, ...cut }];
    });
  }

  #cut(kind: ImportCutKind, count: number, limit: number, { resultIndex }: SarifLogResult): void {
    const cut = this.#cuts.get(kind);
    if (cut !== undefined) cut.count += count;
    else this.#cuts.set(kind, { count, limit, firstPath: `$.runs[${this.#runIndex}].results[${resultIndex}]` });
  }
}

/** Whether something of a finding had to be left out: a text, a reference, the tool's own record. */
function isShorter(finding: FindingDraft, draft: FindingDraft): boolean {
  for (const key in draft) {
    const value = draft[key as keyof FindingDraft];
    const kept = finding[key as keyof FindingDraft];
    if (typeof value !== 'number' && value.length > (kept as typeof value).length) return true;
  }
  return false;
}
