import type { JsonPath } from '@cloudscan/json-stream';
import type { JsonNode } from './json-node.ts';
import type { SarifLimits } from './limits.ts';
import { readMessage, readMessageStrings } from './message.ts';
import type { MessageStrings } from './message.ts';
import { readPlace } from './places.ts';
import type { ArtifactPlace } from './places.ts';
import { readReference, readRule } from './rules.ts';
import type { Reference, Rule } from './rules.ts';
import { SarifReadError } from './sarif-read-error.ts';
import { levels } from './severity.ts';
import type { Level } from './severity.ts';
import { ToolComponent } from './tool-component.ts';
import type { Taxon } from './tool-component.ts';
import { textsOf } from './weakness.ts';

/** What a run says of itself. */
export interface SarifRunFacts {
  readonly toolName: string;
  /** Empty where the log does not say. */
  readonly toolVersion: string;
  /** The version of the rules, or the extensions with theirs; empty where the log does not say. */
  readonly rulesVersion: string;
  readonly resultsCount: number;
  /** Null where the log does not say how the tool was called. */
  readonly invocation: RunInvocation | null;
  /** The repository that was looked at; null where the log does not say. */
  readonly git: { readonly url: string; readonly branch: string; readonly commit: string } | null;
  /** For {@link readSarifResults}. */
  readonly details: RunDetails;
}

export interface RunInvocation {
  /** False when one of several was not. */
  readonly successful: boolean;
  readonly exitCode: number | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** What the tool reported of warnings and errors, a line each: the last 4 KiB. */
  readonly notifications: string;
}

/** What results refer to. */
export interface RunDetails {
  readonly driver: ToolComponent<Rule>;
  readonly extensions: readonly ToolComponent<Rule>[];
  readonly taxonomies: readonly ToolComponent<Taxon>[];
  readonly globalMessageStrings: MessageStrings;
  readonly levelOverrides: readonly { readonly rule: Reference; readonly level: Level }[];
  readonly bases: ReadonlyMap<string, ArtifactPlace>;
  readonly artifacts: readonly ArtifactPlace[];
  readonly workingDirectories: readonly ArtifactPlace[];
}

const maxNotifications = 4096;
/** Characters of JSON, and as many for each value as its object takes, that may wait in memory while the results of a run are read. */
const maxKept = 64 * 1024 ** 2;
const keptOfEach = 64;

/** Gathers the facts of one run, in whatever order they stand. */
export class RunReader {
  readonly #index: number;
  readonly #limits: SarifLimits;
  readonly #driver = new ToolComponent<Rule>();
  readonly #extensions: ToolComponent<Rule>[] = [];
  readonly #taxonomies: ToolComponent<Taxon>[] = [];
  readonly #invocations: JsonNode[] = [];
  readonly #artifacts: ArtifactPlace[] = [];
  #bases: ReadonlyMap<string, ArtifactPlace> = new Map();
  #globalMessageStrings: MessageStrings = new Map();
  #rulesVersion = '';
  #git: SarifRunFacts['git'] = null;
  #resultsCount = 0;
  #rulesCount = 0;
  #kept = 0;

  constructor(index: number, limits: SarifLimits) {
    this.#index = index;
    this.#limits = limits;
  }

  /** @param path of the node, within the run */
  read(path: JsonPath, node: JsonNode): void {
    if (path[0] !== 'results') this.#checkKept(node);
    switch (path[0]) {
      case 'tool':
        return path[1] === 'driver' ? this.#readDriver(path[2] as string, node) : this.#readExtension(path, node);
      case 'taxonomies':
        return this.#readTaxonomy(path, node);
      case 'invocations':
        this.#invocations.push(node);
        return;
      case 'originalUriBaseIds':
        this.#bases = new Map(node.members().map(([id, place]) => [id, readPlace(place)]));
        return;
      case 'artifacts':
        this.#artifacts[path[1] as number] = readPlace(node);
        return;
      case 'versionControlProvenance':
        this.#git ??= readProvenance(node);
        return;
      case 'results':
        return this.#countResult(path[1] as number);
      case 'externalPropertyFileReferences':
        if (node.members().length > 0) node.fail('names files beside the log, which are not read here; send the log whole');
        return;
      default:
        throw new TypeError(`${String(path[0])} was selected and is not read`);
    }
  }

  finish(): SarifRunFacts {
    const { name, version } = this.#driver;
    if (name === '') throw new SarifReadError(`$.runs[${this.#index}].tool.driver.name`, 'is missing');
    return {
      toolName: name,
      toolVersion: version,
      rulesVersion: this.#rulesVersion || this.#extensions.map((each) => `${each.name} ${each.version}`.trim()).join(', '),
      resultsCount: this.#resultsCount,
      invocation: this.#invocations.length === 0 ? null : readInvocations(this.#invocations),
      git: this.#git,
      details: {
        driver: this.#driver,
        extensions: this.#extensions,
        taxonomies: this.#taxonomies,
        globalMessageStrings: this.#globalMessageStrings,
        levelOverrides: this.#invocations.flatMap(readOverrides),
        bases: this.#bases,
        artifacts: this.#artifacts,
        workingDirectories: this.#invocations.map((each) => readPlace(each.at('workingDirectory'))),
      },
    };
  }

  #checkKept(node: JsonNode): void {
    this.#kept += keptOfEach + (JSON.stringify(node.value)?.length ?? 0);
    if (this.#kept > maxKept)
      node.fail(`makes more than ${maxKept / 1024 ** 2} MiB of what stands beside the results of its run; leave some of it out`);
  }

  #readDriver(key: string, node: JsonNode): void {
    if (key === 'rules') this.#addRule(this.#driver, node);
    else if (key === 'globalMessageStrings') this.#globalMessageStrings = readMessageStrings(node);
    else if (key === 'properties') this.#rulesVersion = textsOf(node.at('rulesVersion'))[0] ?? '';
    else this.#driver.read(key, node);
  }

  #readExtension(path: JsonPath, node: JsonNode): void {
    const index = path[2] as number;
    const { maxExtensionsPerRun } = this.#limits;
    if (index >= maxExtensionsPerRun) {
      const problem = `is an extension too many: at most ${maxExtensionsPerRun} are taken of a run`;
      throw new SarifReadError(node.path.slice(0, 5), problem, { limit: 'maxExtensionsPerRun' });
    }
    while (this.#extensions.length <= index) this.#extensions.push(new ToolComponent<Rule>());
    const extension = this.#extensions[index]!;
    if (path[3] === 'rules') this.#addRule(extension, node);
    else extension.read(path[3] as string, node);
  }

  #addRule(component: ToolComponent<Rule>, node: JsonNode): void {
    const { maxRulesPerRun } = this.#limits;
    this.#rulesCount += 1;
    if (this.#rulesCount > maxRulesPerRun) {
      throw new SarifReadError(node.path, `is a rule too many: at most ${maxRulesPerRun} are taken of a run`, { limit: 'maxRulesPerRun' });
    }
    component.descriptors.add(readRule(node));
  }

  #readTaxonomy(path: JsonPath, node: JsonNode): void {
    const index = path[1] as number;
    while (this.#taxonomies.length <= index) this.#taxonomies.push(new ToolComponent<Taxon>());
    const taxonomy = this.#taxonomies[index]!;
    if (path[2] !== 'taxa') taxonomy.read(path[2] as string, node);
    else if (path[4] === 'id') taxonomy.descriptors.add({ id: node.text(), guid: '' });
  }

  #countResult(index: number): void {
    const { maxResultsPerRun } = this.#limits;
    this.#resultsCount = Math.max(this.#resultsCount, index + 1);
    if (this.#resultsCount <= maxResultsPerRun) return;
    const path = ['runs', this.#index, 'results', index];
    throw new SarifReadError(path, `is a result too many: at most ${maxResultsPerRun} are taken of a run`, { limit: 'maxResultsPerRun' });
  }
}

/** Null where it names no repository. */
function readProvenance(node: JsonNode): SarifRunFacts['git'] {
  const url = node.at('repositoryUri').text();
  return url === '' ? null : { url, branch: node.at('branch').text(), commit: node.at('revisionId').text() };
}

function readInvocations(nodes: readonly JsonNode[]): RunInvocation {
  const exitCodes = nodes.map((node) => node.at('exitCode').integer());
  const starts = nodes.flatMap((node) => readTime(node.at('startTimeUtc')));
  const ends = nodes.flatMap((node) => readTime(node.at('endTimeUtc')));
  return {
    successful: nodes.every((node) => node.at('executionSuccessful').flag() ?? true),
    exitCode: exitCodes.find((code) => code !== null && code !== 0) ?? exitCodes.find((code) => code !== null) ?? null,
    startedAt: starts.length === 0 ? null : new Date(Math.min(...starts)),
    endedAt: ends.length === 0 ? null : new Date(Math.max(...ends)),
    notifications: nodes.flatMap(readNotifications).join('\n').slice(-maxNotifications),
  };
}

/** Milliseconds; nothing for what is no time. */
function readTime(node: JsonNode): number[] {
  const time = Date.parse(node.text());
  return Number.isNaN(time) ? [] : [time];
}

function readNotifications(invocation: JsonNode): string[] {
  return ['toolConfigurationNotifications', 'toolExecutionNotifications'].flatMap((key) =>
    invocation
      .at(key)
      .items()
      .filter((each) => (each.at('level').member(levels) ?? 'warning') !== 'note')
      .map((each) => `${each.at('level').text() || 'warning'}: ${readMessage(each.at('message'))}`),
  );
}

/** Levels that the tool was configured to give its rules (SARIF section 3.20.5). */
function readOverrides(invocation: JsonNode): { readonly rule: Reference; readonly level: Level }[] {
  const overrides = invocation.at('ruleConfigurationOverrides').items();
  return overrides.flatMap((each) => {
    const level = each.at('configuration').at('level').member(levels);
    return level === null ? [] : [{ rule: readReference(each.at('descriptor')), level }];
  });
}
