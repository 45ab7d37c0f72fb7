import { runBuiltin } from '../builtin/run-builtin.ts';
import { rulesVersion, scan } from './scan.ts';
import type { LicenseOptions } from './settings.ts';

await runBuiltin<LicenseOptions>({ rulesVersion, scan });
