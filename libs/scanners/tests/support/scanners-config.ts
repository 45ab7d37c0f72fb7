import { readConfig } from '@cloudscan/config';
import { readExternalSettings } from '../../src/external/settings.ts';
import type { ScannersConfig } from '../../src/registry.ts';

/** Looks for no installed tool. */
export const builtinOnly: ScannersConfig = { searchPath: '', external: readConfig({}, readExternalSettings), choice: [] };
