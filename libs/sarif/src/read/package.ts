import type { FindingDraft } from '@cloudscan/domain';
import type { JsonNode } from './json-node.ts';
import { textsOf } from './weakness.ts';

type PackageFields = Pick<FindingDraft, 'packageName' | 'packageVersion' | 'fixedVersion'>;

/**
 * The package that a result is about: as properties name it, by its purl, or by the lines in which Trivy's messages name it
 * (`Package: …`, `Installed Version: …`, `Fixed Version: …`).
 */
export function readPackage(properties: JsonNode, message: string): PackageFields {
  const own = (key: string): string => textsOf(properties.at(key))[0] ?? '';
  const purl = readPurl(own('purl'));
  return {
    packageName: own('packageName') || purl.name || lineOf(message, 'Package'),
    packageVersion: own('packageVersion') || purl.version || lineOf(message, 'Installed Version'),
    fixedVersion: own('fixedVersion') || lineOf(message, 'Fixed Version'),
  };
}

/** `pkg:npm/%40scope/name@1.2.3` is `@scope/name`, `1.2.3` (package-url specification). */
function readPurl(purl: string): { readonly name: string; readonly version: string } {
  const parts = /^pkg:[^/]+\/+([^@?#]+)(?:@([^?#]+))?/.exec(purl);
  return { name: decoded(parts?.[1] ?? ''), version: decoded(parts?.[2] ?? '') };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function lineOf(message: string, name: string): string {
  const start = message.startsWith(`${name}: `) ? 0 : message.indexOf(`\n${name}: `) + 1;
  if (start === 0 && !message.startsWith(`${name}: `)) return '';
  const [line] = message.slice(start + name.length + 2).split('\n', 1);
  return line!.trim();
}
