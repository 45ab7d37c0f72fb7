import { readJsonItems } from '@cloudscan/json-stream';
import type { JsonPath } from '@cloudscan/json-stream';
import { JsonNode } from './json-node.ts';
import type { SarifLimits } from './limits.ts';
import { RunReader } from './run-reader.ts';
import type { SarifRunFacts } from './run-reader.ts';
import { asReadError, SarifReadError } from './sarif-read-error.ts';

/** A log that can be read from its beginning more than once: what results mean may stand behind them. */
export interface SarifSource {
  /** Bytes of a SARIF log in UTF-8, without compression. */
  open(): AsyncIterable<Uint8Array>;
}

/** Bytes of one value that is read as a whole: a rule, a result with its code flows. */
export const maxItemBytes = 16 * 1024 * 1024;
/** Property bags may hold anything, code flows within graphs within results some twenty levels. */
export const maxDepth = 200;

/** What stands around the results; of these only that they are there. */
const selectors = [
  '$.version',
  '$.inlineExternalProperties[*]',
  ...[
    ...['tool.driver.name', 'tool.driver.version', 'tool.driver.semanticVersion', 'tool.driver.guid', 'tool.driver.properties'],
    ...['tool.driver.rules[*]', 'tool.driver.globalMessageStrings'],
    ...['tool.extensions[*].name', 'tool.extensions[*].version', 'tool.extensions[*].semanticVersion', 'tool.extensions[*].guid'],
    'tool.extensions[*].rules[*]',
    ...['taxonomies[*].name', 'taxonomies[*].guid', 'taxonomies[*].taxa[*].id', 'taxonomies[*].taxa[*].guid'],
    ...['invocations[*]', 'originalUriBaseIds', 'artifacts[*].location', 'versionControlProvenance[*]'],
    ...['externalPropertyFileReferences', 'results[*].message', 'results[*].ruleId'],
  ].map((path) => `$.runs[*].${path}`),
];

/**
 * Reads what a log says around its results: who has looked, how that ended, and what results refer to. Checks on the way that the whole
 * document is JSON. Memory holds the rules and the locations of artifacts.
 *
 * @throws SarifReadError for a log that is not SARIF 2.1.0, is cut off or holds more than the limits allow
 */
export async function readSarifRuns(source: SarifSource, limits: SarifLimits): Promise<readonly SarifRunFacts[]> {
  const runs: RunReader[] = [];
  let version: string | null = null;
  try {
    for await (const { path, value } of readJsonItems(source.open(), { select: selectors, maxItemBytes, maxDepth, strict: true })) {
      const node = new JsonNode(value, path);
      if (path[0] === 'version') version = readVersion(node);
      else if (path[0] === 'runs') runOf(runs, path, limits).read(path.slice(2), node);
      else throw new SarifReadError(path, 'is an external property file inlined, which is not read here; send the log whole');
    }
  } catch (error) {
    throw asReadError(error);
  }
  if (version === null) throw new SarifReadError('$.version', 'is missing; only SARIF 2.1.0 is read');
  return runs.map((run) => run.finish());
}

function readVersion(node: JsonNode): string {
  if (node.value !== '2.1.0') node.fail(`is ${JSON.stringify(node.value) ?? 'null'}; only SARIF 2.1.0 is read`);
  return '2.1.0';
}

function runOf(runs: RunReader[], path: JsonPath, limits: SarifLimits): RunReader {
  const index = path[1] as number;
  if (index >= limits.maxRuns)
    throw new SarifReadError(path.slice(0, 2), `is one run too many: at most ${limits.maxRuns} are taken`, { limit: 'maxRuns' });
  while (runs.length <= index) runs.push(new RunReader(runs.length, limits));
  return runs[index]!;
}
