import path from 'node:path';
import { asArray, asText, field } from '../inventory/untrusted.ts';
import type { AdvisorySource, PackageAdvisories, PackageVersion } from './advisory-source.ts';
import { ApiCache } from './api-cache.ts';
import type { AdvisoryReference } from './api-cache.ts';
import { mapConcurrently } from './concurrency.ts';
import { OsvClient } from './osv-client.ts';
import { hashOf, parseAdvisory } from './osv.ts';
import type { Advisory } from './osv.ts';

/** OSV takes at most 1,000 queries in one batch (https://google.github.io/osv.dev/post-v1-querybatch/). */
const maxBatch = 1000;
/** Pages of one package; OSV sends 1,000 advisories in each. A server that sends more does not end. */
const maxPages = 100;
const concurrentBatches = 2;
const concurrentRecords = 8;

export interface ApiSourceOptions {
  /** For example `https://api.osv.dev`. */
  readonly baseUrl: string;
  /** For the answers; created when it is needed. */
  readonly cacheDir: string;
  /** Milliseconds for which an answer about a package holds. */
  readonly cacheTtlMs: number;
  /** Milliseconds for one request. */
  readonly timeoutMs: number;
  /** Milliseconds before the first new attempt. */
  readonly retryDelayMs: number;
  readonly fetch?: typeof fetch;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Advisories of an OSV server (https://google.github.io/osv.dev/api/), which also decides which versions are affected. */
export function apiSource(options: ApiSourceOptions): AdvisorySource {
  const client = new OsvClient({ fetch, ...options });
  const cache = new ApiCache(
    path.join(options.cacheDir, `api-${hashOf(options.baseUrl).slice(0, 16)}`),
    options.cacheTtlMs,
    options.now ?? Date.now,
  );
  return {
    async *advisoriesFor(packages, onProgress) {
      await cache.prune();
      const touched: Touched[] = [];
      for await (const { item, references } of referencesOf(client, cache, packages)) {
        if (references.length > 0) touched.push({ item, references });
      }
      onProgress(0.5);
      yield* withRecords(client, cache, touched, onProgress);
    },
  };
}

interface Touched {
  readonly item: PackageVersion;
  readonly references: readonly AdvisoryReference[];
}

async function* referencesOf(client: OsvClient, cache: ApiCache, packages: readonly PackageVersion[]): AsyncGenerator<Touched, void> {
  const unknown: PackageVersion[] = [];
  for (const item of packages) {
    const references = await cache.references(item);
    if (references === null) unknown.push(item);
    else yield { item, references };
  }
  const batches = Array.from({ length: Math.ceil(unknown.length / maxBatch) }, (_, index) =>
    unknown.slice(index * maxBatch, (index + 1) * maxBatch),
  );
  for await (const batch of mapConcurrently(batches, concurrentBatches, (items) => queryBatch(client, items))) {
    for (const { item, references } of batch) {
      await cache.putReferences(item, references);
      yield { item, references };
    }
  }
}

/** Asks for many packages at once, and again for those of which the server has more pages. */
async function queryBatch(client: OsvClient, packages: readonly PackageVersion[]): Promise<Touched[]> {
  const found = packages.map((item) => ({ item, references: [] as AdvisoryReference[] }));
  let open = found.map((entry) => ({ entry, pageToken: '' }));
  for (let page = 0; open.length > 0; page += 1) {
    if (page === maxPages) throw client.failure('it never sends the last page');
    const queries = open.map(({ entry: { item }, pageToken }) => ({
      package: { ecosystem: item.ecosystem, name: item.name },
      version: item.version,
      ...(pageToken === '' ? {} : { page_token: pageToken }),
    }));
    const answer = await client.request('/v1/querybatch', { queries });
    const results = asArray(field(answer, 'results'));
    if (results.length !== open.length) throw client.failure(`it answered ${results.length} of ${open.length} queries`);
    open = open.flatMap(({ entry }, index) => {
      for (const vulnerability of asArray(field(results[index], 'vulns'))) {
        entry.references.push({ id: asText(field(vulnerability, 'id')), modified: asText(field(vulnerability, 'modified')) });
      }
      const pageToken = asText(field(results[index], 'next_page_token'));
      return pageToken === '' ? [] : [{ entry, pageToken }];
    });
  }
  return found;
}

async function* withRecords(
  client: OsvClient,
  cache: ApiCache,
  touched: readonly Touched[],
  onProgress: (fraction: number) => void,
): AsyncGenerator<PackageAdvisories, void> {
  let done = 0;
  for (const { item, references } of touched) {
    const advisories: Advisory[] = [];
    for await (const advisory of mapConcurrently(references, concurrentRecords, (reference) => recordOf(client, cache, reference))) {
      if (advisory !== null) advisories.push(advisory);
    }
    done += 1;
    onProgress(0.5 + done / touched.length / 2);
    if (advisories.length > 0) yield { package: item, advisories };
  }
}

async function recordOf(client: OsvClient, cache: ApiCache, reference: AdvisoryReference): Promise<Advisory | null> {
  const cached = await cache.record(reference);
  if (cached !== null) return parseAdvisory(cached);
  const record = await client.request(`/v1/vulns/${encodeURIComponent(reference.id)}`);
  // Between the two requests the server may have dropped it.
  if (record === null) return null;
  await cache.putRecord(reference.id, record);
  return parseAdvisory(record);
}
