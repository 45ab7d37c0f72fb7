import { runBuiltin } from '../builtin/run-builtin.ts';
import { rulesVersion, scan } from './scan.ts';
import type { SastOptions } from './scan.ts';

await runBuiltin<SastOptions>({ rulesVersion, scan });
