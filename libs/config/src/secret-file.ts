import { readFileSync } from 'node:fs';
import type { EnvReader } from './env.ts';
import { Secret } from './secret.ts';

/** A secret that `name` holds, or the file that `<name>_FILE` names; empty where neither is set. */
export function readSecretOrFile(env: EnvReader, name: string): Secret {
  const secret = env.secret(name);
  const fileName = `${name}_FILE`;
  const path = env.optional(fileName);
  if (path === undefined) return secret;
  if (!secret.isEmpty) env.problem(fileName, `is set beside ${name}`, 'the path of a file, and leave the other out');
  try {
    return new Secret(readFileSync(path, 'utf8').trim());
  } catch (error) {
    env.problem(fileName, `names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`, 'the path of a readable file');
    return secret;
  }
}
