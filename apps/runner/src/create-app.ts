import { randomUUID } from 'node:crypto';
import { scan as wire } from '@cloudscan/contracts';
import { RpcClient } from '@cloudscan/grpc';
import { packageVersion } from '@cloudscan/process';
import { selectScanners } from '@cloudscan/scanners';
import type { Scanner } from '@cloudscan/scanners';
import { createLogger } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import { EnvHttpProxyAgent } from 'undici';
import type { RunnerConfig } from './config.ts';
import { Orchestrator } from './orchestrator/orchestrator.ts';
import { Runner } from './runner.ts';

export interface AppOverrides {
  readonly log?: Logger;
  readonly selectScanners?: () => Promise<readonly Scanner[]>;
  /** Milliseconds of the first pause between two tries of a call. */
  readonly firstPauseMs?: number;
  readonly reportMs?: number;
}

export interface App extends AsyncDisposable {
  readonly runner: Runner;
}

export function createApp(config: RunnerConfig, overrides: AppOverrides = {}): App {
  const { scanId, attempt, token, orchestratorTls: tls } = config;
  const log = overrides.log ?? createLogger('runner', config.logLevel).child({ scanId, attempt });
  if (config.secretHashKeyIsRandom && config.scanTypes.includes('secrets')) {
    log.warn({}, 'SECRET_HASH_KEY is not set: secrets get other fingerprints in every run');
  }
  const client = new RpcClient(wire.ScanServiceService, config.orchestrator, { token, tls });
  const identity = { scanId, attempt, runId: randomUUID() };
  const orchestrator = new Orchestrator({ client, identity, log, firstPauseMs: overrides.firstPauseMs });
  const dispatcher = new EnvHttpProxyAgent(proxySettings(config.environment));
  const version = packageVersion(import.meta.url);
  const chosen = overrides.selectScanners ?? (() => selectScanners(config.scanTypes, config.scanners));
  return {
    runner: new Runner({ config, orchestrator, dispatcher, selectScanners: chosen, version, log, reportMs: overrides.reportMs }),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await dispatcher.destroy();
    },
  };
}

/** What the environment says, but never for this machine itself, where the storage of a single machine listens. */
function proxySettings(environment: Readonly<Record<string, string>>): { httpProxy?: string; httpsProxy?: string; noProxy: string } {
  const httpProxy = environment.http_proxy ?? environment.HTTP_PROXY;
  const httpsProxy = environment.https_proxy ?? environment.HTTPS_PROXY;
  const noProxy = environment.no_proxy ?? environment.NO_PROXY;
  return { httpProxy, httpsProxy, noProxy: [noProxy, 'localhost', '127.0.0.1', '::1'].filter((each) => each !== undefined).join(',') };
}
