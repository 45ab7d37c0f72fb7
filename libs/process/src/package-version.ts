import { readFileSync } from 'node:fs';

/** The version of the package whose `src/` or `dist/` a module lies in. @param moduleUrl its `import.meta.url` */
export function packageVersion(moduleUrl: string): string {
  return (JSON.parse(readFileSync(new URL('../package.json', moduleUrl), 'utf8')) as { version: string }).version;
}
