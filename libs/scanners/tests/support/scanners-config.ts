import { readConfig } from '@cloudscan/config';
import { readContainerSettings } from '../../src/contained/settings.ts';
import { readExternalSettings } from '../../src/external/settings.ts';
import type { ScannersConfig } from '../../src/registry.ts';

/** Looks for no installed tool. */
export const builtinOnly: ScannersConfig = readConfig({}, (env) => ({
  searchPath: '',
  external: readExternalSettings(env),
  declared: [],
  containers: readContainerSettings(env),
  choice: [],
}));
