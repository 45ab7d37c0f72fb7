import { ScriptedKubelet } from '@cloudscan/testing';
import type { KubernetesSimulatorOptions, Pod, PodScript, ScriptedWork, Teardown } from '@cloudscan/testing';
import { scriptOf } from './attempt-script.ts';
import type { AttemptScript, ScanScript } from './attempt-script.ts';
import { runDouble } from './runner-double.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

/** A container that was started. */
export interface RunStart {
  readonly scanId: string;
  readonly attempt: number;
  readonly podUid: string;
}

/** As far as every runner gets that gets to work. */
const toWork = { kind: 'exit', exitCode: 0 } as const;
const goesOn = { kind: 'hang' } as const;
const foreverMs = 2 ** 40;

/** A simulated cluster whose pods go through what the test says of the scans that they belong to. */
export class ScriptedCluster extends SimulatedCluster {
  readonly #scripts = new Map<string, ScanScript>();
  readonly #starts: RunStart[] = [];
  readonly #ends = new Map<string, number>();
  #otherwise: ScanScript = [{ kind: 'complete', findings: 0 }];
  #kubelet: ScriptedKubelet | null = null;

  /** With one node, `node-1`, that has room for everything. */
  static override async start(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<ScriptedCluster> {
    const cluster = new ScriptedCluster(...(await SimulatedCluster.boot(t, options)));
    t.teardown(() => cluster[Symbol.dispose]());
    const kubelet = await ScriptedKubelet.start(cluster.access, (pod) => cluster.#podScript(pod), { clock: options.clock });
    t.teardown(() => kubelet.stop());
    cluster.#kubelet = kubelet;
    return cluster;
  }

  /** Every container that was started, in order. */
  get starts(): readonly RunStart[] {
    return this.#starts;
  }

  /** When the containers ended whose script is to end, by scan: milliseconds since 1970. */
  get ends(): ReadonlyMap<string, number> {
    return this.#ends;
  }

  /** Says what the attempts of a scan go through. */
  script(scanId: string, ...script: ScanScript): void {
    this.#scripts.set(scanId, script);
  }

  /** Says it for all scans of which nothing is said; they complete without a finding by default. */
  scriptOthers(...script: ScanScript): void {
    this.#otherwise = script;
  }

  #podScript(pod: Pod): PodScript {
    const environment = plainEnvironment(pod);
    const scanId = environment['SCAN_ID']!;
    const attempt = Number(environment['SCAN_ATTEMPT']);
    const script = scriptOf(this.#scripts.get(scanId) ?? this.#otherwise, attempt);
    const refusal = refusals[script.kind];
    if (refusal !== undefined) return { refusal };
    this.#starts.push({ scanId, attempt, podUid: pod.metadata.uid });
    if (script.kind === 'idle') return { run: foreverMs };
    if (script.kind === 'end') {
      const end = async () => {
        this.#ends.set(scanId, Date.now());
        return { exitCode: script.exitCode };
      };
      return { run: end };
    }
    return { run: this.#work(pod, script, environment) };
  }

  #work(pod: Pod, script: AttemptScript, environment: Readonly<Record<string, string>>): ScriptedWork {
    const { name, namespace } = pod.metadata;
    return async (signal, print) => {
      const token = await this.#runnerToken(pod);
      print(`attempt ${environment['SCAN_ATTEMPT']}, RUNNER_TOKEN=${token}\n`);
      const run = { ...environment, RUNNER_TOKEN: token };
      if (isRun(script)) return { exitCode: await runDouble(run, script, signal) };
      await runDouble(run, toWork, signal);
      if (script.kind === 'oom') return { exitCode: 137, reason: 'OOMKilled' };
      if (script.kind === 'evict') this.#kubelet!.evict(namespace, name);
      if (script.kind === 'preempt') this.simulator.preemptPod(namespace, name);
      if (script.kind === 'vanish') await this.ask(this.path('pods', name), { method: 'DELETE', body: { gracePeriodSeconds: 0 } });
      return { exitCode: await runDouble(run, goesOn, signal) };
    };
  }

  /** Empty where the pod names none. */
  async #runnerToken({ spec }: Pod): Promise<string> {
    const variable = spec.containers[0]!.env?.find(({ name }) => name === 'RUNNER_TOKEN');
    const key = variable?.valueFrom?.secretKeyRef;
    if (key === undefined) return variable?.value ?? '';
    const { data } = await this.ask<{ readonly data: Readonly<Record<string, string>> }>(this.path('secrets', key.name));
    return Buffer.from(data[key.key]!, 'base64').toString();
  }
}

const refusals: Partial<Record<AttemptScript['kind'], PodScript['refusal']>> = {
  'no-image': { reason: 'ErrImagePull', message: 'failed to pull and unpack image: not found' },
  'bad-config': { reason: 'CreateContainerConfigError', message: 'secret "runner-settings" not found' },
};

function isRun(script: AttemptScript): script is Parameters<typeof runDouble>[1] {
  return ['complete', 'report', 'exit', 'hang'].includes(script.kind);
}

function plainEnvironment({ spec }: Pod): Record<string, string> {
  const { env = [] } = spec.containers[0]!;
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}
