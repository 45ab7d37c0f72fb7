import { runBuiltin } from '../builtin/run-builtin.ts';
import { rulesVersion, scan } from './scan.ts';
import type { ScaOptions } from './settings.ts';

await runBuiltin<ScaOptions>({ rulesVersion, scan });
