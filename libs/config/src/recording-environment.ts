import type { Environment } from './env.ts';

/**
 * An environment that notes which variables it is asked for, so that what a deployment sets can be compared with what a
 * process reads.
 */
export function recordingEnvironment(env: Environment): { readonly env: Environment; readonly names: ReadonlySet<string> } {
  const names = new Set<string>();
  const recording = new Proxy(env, {
    get(target, name) {
      if (typeof name !== 'string') return undefined;
      names.add(name);
      return target[name];
    },
  });
  return { env: recording, names };
}
