import { severities } from '@cloudscan/domain';
import type { ScanPredicate, ScanStatement } from '@cloudscan/provenance';
import Table from 'cli-table3';
import { trimLines, withoutRules } from './table.ts';
import type { TextStyle } from './text-style.ts';
import { visible } from './text-style.ts';

/** What an attestation says, once it was found to be true. @param key that signed it, and who says that it may */
export function attestationDetails(
  { subject, predicate }: ScanStatement,
  key: { readonly id: string; readonly source: string },
  style: TextStyle,
): string {
  const { bold, green } = style.colours;
  const { scan, findings, platform, startedOn, finishedOn } = predicate;
  const counts = severities.map((severity) => `${findings[severity]} ${severity}`).join(', ');
  const lines = [
    green('verified: the results are those that were attested, and nothing was changed since'),
    `${bold('scan')}      ${scan.id} of project ${scan.projectId}, organization ${scan.organizationId}`,
    `${bold('source')}    ${sourceOf(predicate)}`,
    ...subject.map(({ name = '', digest }) => `${bold('results')}   ${visible(name)} sha256:${digest['sha256']}`),
    `${bold('findings')}  ${findings.total}: ${counts}`,
    `${bold('ran')}       ${startedOn} to ${finishedOn}, attempt ${scan.attempt}`,
    `${bold('by')}        orchestrator ${platform.orchestratorVersion}, runner ${platform.runnerVersion || 'unknown'}`,
    `${bold('signed')}    by key ${key.id}, from ${visible(key.source)}`,
  ];
  return `${lines.join('\n')}\n\n${toolsOf(predicate, style)}`;
}

function sourceOf({ source: { name, uri, digest, annotations = {} } }: ScanPredicate): string {
  const what = [name, uri, ...Object.values(annotations)].filter((part) => part !== undefined);
  return visible([...what, ...Object.entries(digest).map(([algorithm, value]) => `${algorithm}:${value}`)].join(' '));
}

function toolsOf({ tools }: ScanPredicate, { colours }: TextStyle): string {
  const head = ['TOOL', 'VERSION', 'RULES', 'STATUS', 'FINDINGS'].map((title) => colours.bold(title));
  const table = new Table({ ...withoutRules, head });
  for (const { name, version, rulesVersion, status, findings } of tools) {
    table.push([visible(name), visible(version), visible(rulesVersion), status, String(findings)]);
  }
  return trimLines(table.toString());
}
