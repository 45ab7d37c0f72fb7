import { runBuiltin } from '../builtin/run-builtin.ts';
import { rulesVersion, scan } from './scan.ts';
import type { SecretsOptions } from './scan.ts';

await runBuiltin<SecretsOptions>({ rulesVersion, scan });
