import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { readConfig } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';
import { readExternalSettings } from '../../src/external/settings.ts';
import type { ExternalSettings } from '../../src/external/settings.ts';

/** An executable that is a few lines of shell, under the name of a tool. */
export async function fakeTool(t: ExecutionContext, name: string, script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tool-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

/** What the environment says about installed tools, on this machine's PATH. */
export function externalSettings(env: Environment = {}): ExternalSettings {
  return readConfig({ PATH: process.env.PATH, SECRET_HASH_KEY: 'test', ...env }, readExternalSettings);
}
