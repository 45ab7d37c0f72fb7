import { readJsonItems } from '@cloudscan/json-stream';
import type { ScanType } from '@cloudscan/domain';
import { JsonNode } from './json-node.ts';
import { uriBases } from './places.ts';
import { maxDepth, maxItemBytes } from './read-sarif-runs.ts';
import type { SarifSource } from './read-sarif-runs.ts';
import { ResultReader } from './result-reader.ts';
import type { SarifRunFacts } from './run-reader.ts';
import type { SarifResult } from './sarif-result.ts';
import { asReadError, SarifReadError } from './sarif-read-error.ts';

export interface SarifResultsOptions {
  /** Of every finding; null judges each by what the log says. */
  readonly scanType: ScanType | null;
  /** The `file:` URI of the folder that was scanned, where it is known: paths below it become relative to it. */
  readonly sourceUri?: string;
}

/**
 * The results of a log in its order, whatever they mean, in constant memory. Columns are as the log counts them: in UTF-16 code units
 * unless its `columnKind` says otherwise, since the line that they count in is not there.
 *
 * @param runs what {@link readSarifRuns} has read of the same log
 * @throws SarifReadError with the path of the fault; results before it were given
 */
export async function* readSarifResults(
  source: SarifSource,
  runs: readonly SarifRunFacts[],
  options: SarifResultsOptions,
): AsyncGenerator<SarifResult, void> {
  const readers = runs.map(({ toolName, toolVersion, details }) => {
    const places = uriBases(details.bases, details.artifacts, options.sourceUri ?? '', details.workingDirectories);
    return new ResultReader({ toolName, toolVersion, details, places, scanType: options.scanType });
  });
  try {
    for await (const { path, value } of readJsonItems(source.open(), {
      select: ['$.runs[*].results[*]'],
      maxItemBytes,
      maxDepth,
      strict: true,
    })) {
      const [, runIndex, , resultIndex] = path as readonly [string, number, string, number];
      const reader = readers[runIndex];
      // A run of which nothing was read says nothing of itself.
      if (reader === undefined) throw new SarifReadError(['runs', runIndex, 'tool', 'driver', 'name'], 'is missing');
      yield { runIndex, resultIndex, ...reader.read(new JsonNode(value, path)) };
    }
  } catch (error) {
    throw asReadError(error);
  }
}
