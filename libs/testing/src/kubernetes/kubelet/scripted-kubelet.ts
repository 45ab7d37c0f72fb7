import { realClock } from '../../clock.ts';
import type { TimerClock } from '../../clock.ts';
import type { ClusterAccess } from '../kubeconfig.ts';
import { ContainerRefusal } from './container-runtime.ts';
import type { ContainerEnd, ContainerLog, ContainerRuntime, RunningContainer } from './container-runtime.ts';
import { Kubelet } from './kubelet.ts';
import type { KubeletOptions } from './kubelet.ts';
import { isSidecar } from './kubernetes-types.ts';
import type { Container, Pod } from './kubernetes-types.ts';
import { pause } from './pause.ts';

/** What becomes of the containers of one pod; its sidecars run until they are ended. */
export interface PodScript {
  /** Milliseconds until it runs; 0 by default. */
  readonly startAfterMs?: number;
  /** Keeps it from starting, with the kubelet's word for it and a message. */
  readonly refusal?: { readonly reason: ContainerRefusal['reason']; readonly message: string };
  /** Milliseconds that it runs, or the work itself; 0 by default. */
  readonly run?: number | ScriptedWork;
  /** How it ends after that time, or after work that says nothing of it; exit code 0 by default. */
  readonly end?: ContainerEnd;
  /** What it has written to its log from the start on. */
  readonly log?: string;
  /** Goes on after SIGTERM until SIGKILL. */
  readonly ignoresTerm?: boolean;
}

/**
 * The work of a container. `signal` aborts when the container is killed; what the work then still does goes unnoticed, as
 * that of a dead process. Work that throws ends with exit code 1 and the error in its log.
 *
 * @param print writes to the container's log
 */
export type ScriptedWork = (signal: AbortSignal, print: (text: string) => void) => Promise<ContainerEnd | void>;

/**
 * Kubelets of many nodes and many thousand pods in one process, which run no process: what becomes of a pod is said by a
 * function, asked once for each container.
 */
export class ScriptedKubelet extends Kubelet {
  static async start(access: ClusterAccess, script: (pod: Pod) => PodScript, options: KubeletOptions = {}): Promise<ScriptedKubelet> {
    const kubelet = new ScriptedKubelet(access, new ScriptedRuntime(script, options.clock ?? realClock), options);
    await kubelet.begin();
    return kubelet;
  }
}

class ScriptedRuntime implements ContainerRuntime {
  readonly #script: (pod: Pod) => PodScript;
  readonly #clock: TimerClock;

  constructor(script: (pod: Pod) => PodScript, clock: TimerClock) {
    this.#script = script;
    this.#clock = clock;
  }

  async start(pod: Pod, container: Container, signal: AbortSignal): Promise<RunningContainer> {
    const script = isSidecar(container) ? { run: untilKilled } : this.#script(pod);
    if (script.startAfterMs !== undefined && script.startAfterMs > 0) await pause(this.#clock, script.startAfterMs, signal);
    signal.throwIfAborted();
    if (script.refusal !== undefined) throw new ContainerRefusal(script.refusal.reason, script.refusal.message);
    return new ScriptedContainer(script, this.#clock);
  }

  async forget(): Promise<void> {}
}

function untilKilled(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Exit codes of a process that a signal ended: 128 and the signal's number. */
const terminated: ContainerEnd = { exitCode: 143 };
const killed: ContainerEnd = { exitCode: 137 };

class ScriptedContainer implements RunningContainer {
  readonly ended: Promise<ContainerEnd>;
  readonly log: ContainerLog;
  readonly #clock: TimerClock;
  readonly #ignoresTerm: boolean;
  readonly #abort = new AbortController();
  #text: string;
  #end: (end: ContainerEnd) => void = () => undefined;
  #cancelTimer: () => void = () => undefined;
  #cancelKill: () => void = () => undefined;

  constructor({ run = 0, end = { exitCode: 0 }, log = '', ignoresTerm = false }: PodScript, clock: TimerClock) {
    this.#clock = clock;
    this.#text = log;
    this.#ignoresTerm = ignoresTerm;
    this.log = { read: async (offset) => Buffer.from(this.#text).subarray(offset) };
    this.ended = new Promise((resolve) => {
      this.#end = (how) => {
        this.#cancelTimer();
        this.#cancelKill();
        this.#abort.abort();
        resolve(how);
      };
    });
    if (typeof run === 'function') void this.#work(run, end);
    else this.#cancelTimer = clock.at(after(clock, run), () => this.#end(end));
  }

  kill(graceMs: number): void {
    if (!this.#ignoresTerm) return this.#end(terminated);
    if (graceMs <= 0) return this.#end(killed);
    this.#cancelKill();
    this.#cancelKill = this.#clock.at(after(this.#clock, graceMs), () => this.#end(killed));
  }

  async #work(run: ScriptedWork, end: ContainerEnd): Promise<void> {
    const print = (text: string): void => {
      if (!this.#abort.signal.aborted) this.#text += text;
    };
    try {
      this.#end((await run(this.#abort.signal, print)) ?? end);
    } catch (error) {
      print(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      this.#end({ exitCode: 1 });
    }
  }
}

function after(clock: TimerClock, ms: number): Date {
  return new Date(clock.now().getTime() + ms);
}
