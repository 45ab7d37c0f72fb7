import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { FindingDraft, ScanType } from '@cloudscan/domain';
import type { Invocation, Run, VersionControlDetails } from 'sarif';
import { PartFile } from './part-file.ts';
import { messageText, sourceRoot, toResult, toRule } from './result.ts';
import { repositoryUri } from './uri.ts';

/** The schema by which a log can be validated (SARIF section 3.13.3). */
export const sarifSchemaUri = 'https://json.schemastore.org/sarif-2.1.0.json';

export interface SarifLogOptions {
  /** Tells runs of the same tool apart (`automationDetails.id`, SARIF section 3.17.3). */
  readonly scanId: string;
  /** Where the source came from, when git gave it. */
  readonly git?: { readonly url: string; readonly branch: string; readonly commit: string };
}

export interface SarifTool {
  readonly name: string;
  readonly version: string;
  /** The version of the rules or of the advisory set; may be empty. */
  readonly rulesVersion: string;
  readonly scanType: ScanType;
}

/** How a tool ended. */
export interface SarifInvocation {
  readonly successful: boolean;
  /** -1 when no exit code is known. */
  readonly exitCode: number;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** What went wrong; becomes a notification of the tool. Empty when nothing did. */
  readonly errorMessage: string;
}

/**
 * One SARIF 2.1.0 log with a run per tool. Runs may be written side by side; their results and rules wait on disk, so that
 * memory grows with the number of distinct rule ids only.
 */
export class SarifLog {
  readonly #path: string;
  readonly #options: SarifLogOptions;
  readonly #runs: SarifRun[] = [];

  /** @param path the log; what is being written stands beside it under longer names */
  constructor(path: string, options: SarifLogOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Runs stand in the log in the order in which they were started. */
  async startRun(tool: SarifTool): Promise<SarifRun> {
    const stem = `${this.#path}.${this.#runs.length}`;
    const run = new SarifRun(tool, await PartFile.create(`${stem}.rules`), await PartFile.create(`${stem}.results`));
    this.#runs.push(run);
    return run;
  }

  /**
   * Writes the log. Every run must have ended.
   *
   * @returns the log's size in bytes and its SHA-256 in lower-case hexadecimal
   */
  async finish(): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
    const writer = new HashingWriter(await open(this.#path, 'w', 0o600));
    try {
      await writer.write(`{"$schema":${JSON.stringify(sarifSchemaUri)},"version":"2.1.0","runs":[`);
      for (const [index, run] of this.#runs.entries()) {
        await writer.write(index === 0 ? '\n' : ',\n');
        await run.writeTo(writer, this.#options);
      }
      await writer.write('\n]}\n');
    } finally {
      await writer.close();
      await this.discard();
    }
    return writer.summary();
  }

  /** Removes what was being written. The log itself stays, if it was finished. Idempotent. */
  async discard(): Promise<void> {
    await Promise.all(this.#runs.map((run) => run.discard()));
  }
}

/** One tool's part of a log. */
export class SarifRun {
  readonly #tool: SarifTool;
  readonly #rules: PartFile;
  readonly #results: PartFile;
  readonly #ruleIndexes = new Map<string, number>();
  #invocation: SarifInvocation | null = null;

  constructor(tool: SarifTool, rules: PartFile, results: PartFile) {
    this.#tool = tool;
    this.#rules = rules;
    this.#results = results;
  }

  /** Not to be called again before it has resolved. */
  async add(finding: FindingDraft): Promise<void> {
    await this.#results.add(toResult(finding, await this.#ruleIndex(finding)));
  }

  async end(invocation: SarifInvocation): Promise<void> {
    this.#invocation = invocation;
    await Promise.all([this.#rules.close(), this.#results.close()]);
  }

  async writeTo(writer: HashingWriter, options: SarifLogOptions): Promise<void> {
    if (this.#invocation === null) throw new Error(`the SARIF run of ${this.#tool.name} has not ended`);
    const { name, version, rulesVersion, scanType } = this.#tool;
    const driver = { name, ...(version === '' ? {} : { version }), ...(rulesVersion === '' ? {} : { properties: { rulesVersion } }) };
    await writer.write(`{"tool":{"driver":${JSON.stringify(driver).slice(0, -1)},"rules":[\n`);
    await writer.writeFile(this.#rules.path);
    const provenance = provenanceOf(options.git);
    const rest: Omit<Run, 'tool' | 'results'> = {
      invocations: [toInvocation(this.#invocation)],
      automationDetails: { id: `${name}/${scanType}/${options.scanId}` },
      originalUriBaseIds: { [sourceRoot]: { description: { text: 'The root of the scanned source.' } } },
      columnKind: 'utf16CodeUnits',
      ...(provenance === null ? {} : { versionControlProvenance: [provenance] }),
    };
    await writer.write(`\n]}},${JSON.stringify(rest).slice(1, -1)},"results":[\n`);
    await writer.writeFile(this.#results.path);
    await writer.write('\n]}');
  }

  async discard(): Promise<void> {
    for (const part of [this.#rules, this.#results]) {
      await part.close();
      await rm(part.path, { force: true });
    }
  }

  async #ruleIndex(finding: FindingDraft): Promise<number> {
    const known = this.#ruleIndexes.get(finding.ruleId);
    if (known !== undefined) return known;
    const index = this.#ruleIndexes.size;
    this.#ruleIndexes.set(finding.ruleId, index);
    await this.#rules.add(toRule(finding));
    return index;
  }
}

/** Writes a file, counting and hashing on the way. */
class HashingWriter {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(data: string | Buffer): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
    await this.#file.appendFile(bytes);
  }

  async writeFile(path: string): Promise<void> {
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) await this.write(chunk as Buffer);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  summary(): { readonly sizeBytes: number; readonly sha256: string } {
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest('hex') };
  }
}

function toInvocation({ successful, exitCode, startedAt, endedAt, errorMessage }: SarifInvocation): Invocation {
  return {
    executionSuccessful: successful,
    ...(exitCode < 0 ? {} : { exitCode }),
    startTimeUtc: startedAt.toISOString(),
    endTimeUtc: endedAt.toISOString(),
    ...(errorMessage === ''
      ? {}
      : { toolExecutionNotifications: [{ level: successful ? 'warning' : 'error', message: { text: messageText(errorMessage) } }] }),
  };
}

function provenanceOf(git: SarifLogOptions['git']): VersionControlDetails | null {
  const uri = git === undefined ? null : repositoryUri(git.url);
  if (git === undefined || uri === null) return null;
  return {
    repositoryUri: uri,
    ...(git.commit === '' ? {} : { revisionId: git.commit }),
    ...(git.branch === '' ? {} : { branch: git.branch }),
    mappedTo: { uriBaseId: sourceRoot },
  };
}
