import type { DomainError } from '@cloudscan/domain';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';
import { aLog, aRun, importRequests } from './support/import.ts';
import { organizationRows, projectRows, scanRows } from './support/rpc-table.ts';
import type { Request, RpcRow } from './support/rpc-table.ts';

const file = testFile(test);
let api: Api;
test.before(async () => {
  api = await startApi(file);
});

/** The client of a service, as far as a table of all services can name it. */
interface AnyClient {
  call(name: string, request: Request): Promise<unknown>;
  stream(name: string, request: Request): AsyncIterable<unknown>;
  upload(name: string, requests: AsyncIterable<unknown>): Promise<unknown>;
}

const services: Readonly<Record<string, { readonly rows: Readonly<Record<string, RpcRow>>; readonly client: () => AnyClient }>> = {
  ScanService: { rows: scanRows, client: () => api.scans as unknown as AnyClient },
  OrganizationService: { rows: organizationRows, client: () => api.organizations as unknown as AnyClient },
  ProjectService: { rows: projectRows, client: () => api.projects as unknown as AnyClient },
};

for (const [service, { rows, client }] of Object.entries(services)) {
  for (const [name, row] of Object.entries(rows)) {
    const title = `${service}.${name}`;
    const send = async (request: Request): Promise<unknown> => {
      if (name === 'watchScan') return allOf(client().stream(name, request));
      return name === 'importSarif' ? client().upload(name, importRequests(request, aLog(aRun([])))) : client().call(name, request);
    };
    const good = async (): Promise<Request> => row.good(await Tenant.create(api), api);

    test(`${title}: answers a good request`, async (t) => {
      await t.notThrowsAsync(send(await good()));
    });

    test(`${title}: names each field that is wrong`, async (t) => {
      const request = await good();
      for (const { what, change, names } of row.bad) {
        const error = await t.throwsAsync<DomainError>(send({ ...request, ...change }), undefined, what);
        t.is(error?.code, 'invalid_argument', what);
        t.deepEqual(
          error?.violations.map(({ field }) => field),
          [...names],
          what,
        );
        t.true(
          error?.violations.every(({ description }) => description.length > 3),
          what,
        );
      }
    });

    for (const [field, outcome] of Object.entries(row.unknown)) {
      test(`${title}: an unknown ${field} is ${outcome}`, async (t) => {
        const call = send({ ...(await good()), [field]: newId() });
        if (outcome === 'ok') await t.notThrowsAsync(call);
        else t.is((await t.throwsAsync<DomainError>(call))?.code, outcome);
      });
    }

    for (const state of row.forbidden?.states ?? []) {
      test(`${title}: is refused for a scan that is ${state}`, async (t) => {
        const id = await (await Tenant.create(api)).in(state);
        const error = await t.throwsAsync<DomainError>(send(row.forbidden!.request(id)));
        t.is(error?.code, 'failed_precondition');
        t.true(error?.message.includes(id));
      });
    }
  }
}

async function allOf(messages: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const message of messages) all.push(message);
  return all;
}
