import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { scan as wire, storage } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import { GrpcServer, serve } from '@cloudscan/grpc';
import type { Handlers } from '@cloudscan/grpc';
import { createMetricsRegistry, silentLogger } from '@cloudscan/telemetry';
import type { ExecutionContext } from 'ava';

type Definition = typeof wire.ScanServiceService;
export type RunnerCalls = Pick<Handlers<Definition>, 'updateScan' | 'createFindings' | 'completeScan' | 'getArtifact' | 'getUploadUrl'>;

/**
 * The orchestrator and the object store as a runner sees them: a real gRPC server and a real HTTP server on loopback, which record
 * what they are told. Tests replace single handlers to break them.
 */
export class FakeOrchestrator {
  readonly artifactId = '01981a2b-0000-7000-8000-000000000001';
  readonly updates: wire.UpdateScanRequest[] = [];
  readonly completions: wire.CompleteScanRequest[] = [];
  /** By run and batch number, as the real one counts them. */
  readonly batches = new Map<string, wire.Finding[]>();
  readonly uploads: Buffer[] = [];
  readonly calls: string[] = [];
  /** Replaces the answer to a call; called once for each. */
  override: { -readonly [Name in keyof RunnerCalls]?: RunnerCalls[Name] } = {};
  /** Answers a request to the store itself and says so. */
  onHttp: (request: IncomingMessage, response: ServerResponse) => Promise<boolean> = async () => false;
  source: Buffer | null = null;
  declaredSha256: string | null = null;
  readonly #http = createServer((request, response) => void this.#serve(request, response));
  #grpc: GrpcServer | null = null;
  grpcPort = 0;

  static async start(t: ExecutionContext): Promise<FakeOrchestrator> {
    const fake = new FakeOrchestrator();
    fake.#http.listen(0, '127.0.0.1');
    await once(fake.#http, 'listening');
    await fake.startGrpc();
    t.teardown(async () => {
      await fake.stopGrpc();
      fake.#http.closeAllConnections();
      fake.#http.close();
    });
    return fake;
  }

  get httpPort(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get findings(): wire.Finding[] {
    return [...this.batches.values()].flat();
  }

  async startGrpc(): Promise<void> {
    const services = [serve(wire.ScanServiceService, this.#handlers())];
    const registry = createMetricsRegistry('fake');
    this.#grpc = new GrpcServer({
      host: '127.0.0.1',
      port: this.grpcPort,
      services,
      log: silentLogger,
      registry,
      maxMessageBytes: 4 * 2 ** 20,
      defaultDeadlineMs: 30_000,
    });
    await this.#grpc.start();
    this.grpcPort = this.#grpc.port;
  }

  async stopGrpc(): Promise<void> {
    await this.#grpc?.stop();
    this.#grpc = null;
  }

  #handlers(): Handlers<Definition> {
    const answers: RunnerCalls = {
      updateScan: async (request) => {
        this.updates.push(request);
        return wire.Scan.create({ id: request.id, status: request.status });
      },
      createFindings: async ({ runId, batchNumber, findings }) => {
        this.batches.set(`${runId}/${batchNumber}`, findings);
        return { createdCount: findings.length };
      },
      completeScan: async (request) => {
        this.completions.push(request);
        return wire.Scan.create({ id: request.id, status: wire.ScanStatus.COMPLETED });
      },
      getArtifact: async ({ id }) => {
        if (this.source === null) throw new DomainError('not_found', `artifact ${id} was not found`);
        const sha256 = this.declaredSha256 ?? createHash('sha256').update(this.source).digest('hex');
        const artifact = storage.Artifact.create({ id, sizeBytes: BigInt(this.source.length), sha256 });
        return { artifact, downloadUrl: `http://127.0.0.1:${this.httpPort}/source?signature=s3cr3t-signature`, expiresAt: undefined };
      },
      getUploadUrl: async ({ sizeBytes }) => ({
        artifactId: this.artifactId,
        uploadUrl: `http://127.0.0.1:${this.httpPort}/results?signature=s3cr3t-signature&size=${sizeBytes}`,
        uploadHeaders: { 'Content-Type': 'application/sarif+json' },
        expiresAt: undefined,
      }),
    };
    const recorded = Object.keys(answers).map((key) => {
      const name = key as keyof RunnerCalls;
      const handler = (request: never, context: never): Promise<unknown> => {
        this.calls.push(name);
        return ((this.override[name] ?? answers[name]) as (request: never, context: never) => Promise<unknown>)(request, context);
      };
      return [name, handler];
    });
    // What a runner never calls is not there.
    return Object.fromEntries(recorded) as Handlers<Definition>;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (await this.onHttp(request, response)) return;
    if (request.method === 'PUT') {
      this.uploads.push(await buffer(request));
      response.writeHead(200).end();
      return;
    }
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const source = this.source ?? Buffer.alloc(0);
    if (from === undefined) response.writeHead(200, { etag: '"e1"', 'content-length': source.length }).end(source);
    else {
      const rest = source.subarray(Number(from));
      const range = `bytes ${from}-${source.length - 1}/${source.length}`;
      response.writeHead(206, { etag: '"e1"', 'content-range': range, 'content-length': rest.length }).end(rest);
    }
  }
}
