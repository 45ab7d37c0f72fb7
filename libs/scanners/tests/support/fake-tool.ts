import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
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
  const draft = join(folder, 'draft');
  await writeFile(draft, `#!/bin/sh\n${script}\n`);
  // By another process: a file that a fork of this one happens to hold open for writing cannot be run (ETXTBSY).
  await promisify(execFile)('install', ['-m', '755', draft, path]);
  return path;
}

/** What the environment says about installed tools, on this machine's PATH. */
export function externalSettings(env: Environment = {}): ExternalSettings {
  return readConfig({ PATH: process.env.PATH, SECRET_HASH_KEY: 'test', ...env }, readExternalSettings);
}
