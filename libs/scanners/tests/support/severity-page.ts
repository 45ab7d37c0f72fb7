import { severities, severityOfCvss } from '@cloudscan/domain';
import type { Severity } from '@cloudscan/domain';
import { severityOfLevel } from '@cloudscan/sarif';
import * as table from '../../src/external/severity.ts';
import { categorySeverity } from '../../src/license/categories.ts';

type Rows = readonly (readonly string[])[];

/** `docs/SEVERITY.md`, made from the code that it describes. */
export function severityPage(): string {
  return `# How severe a finding is

Every tool's word becomes one of ${severities.join(', ')}. This page is written from the code
(\`node --conditions=@cloudscan/source libs/scanners/tests/support/write-severity-page.ts\`), and a test compares them.

## CVSS

The qualitative scale of CVSS 3.1 and 4.0. It serves advisories of SCA, \`security-severity\` of SARIF rules and of Semgrep rules, and
Trivy where it gives no level. An advisory without a score or a level is medium; a package known to be malicious is critical.

${markdown(['score', 'severity'], cvssBands())}

## SARIF: imported logs and declared tools

\`security-severity\` of the rule by the bands above; else the result's level, else the rule's default level.

${markdown(['level', 'severity'], Object.entries(severityOfLevel))}

## Semgrep

\`security-severity\` by the bands above, else the rule's level. Any other level is ${table.semgrepSeverity('', unweighed)}.

${markdown(['level', 'severity'], Object.entries(table.semgrepLevels))}

What the rule's metadata says moves the older levels ${table.semgrepOldLevels.join(', ')} by a step; the newer ones stay.

${markdown(['level', 'impact HIGH and likelihood HIGH', 'likelihood LOW and confidence LOW', 'otherwise'], semgrepSteps())}

## Trivy

${markdown(['level', 'severity'], Object.entries(table.trivyLevels))}

UNKNOWN, or a level that is not listed, gives way to a CVSS score where there is one.

## TruffleHog

${markdown(['its own try with the credential', 'severity'], Object.entries(table.truffleHogVerifications))}

\`unknown\`: it was not tried, or the try failed. \`unverified\`: it was tried and refused.

## gitleaks

By rule. Any other rule is ${table.gitleaksDefault}.

${markdown(['severity', 'rules'], gitleaksRows())}

## Licences

A policy may say otherwise. ScanCode's category counts where our own table of SPDX identifiers does not know the licence.

${markdown(
  ['category', 'severity'],
  Object.entries(categorySeverity).map(([category, severity]) => [category, severity ?? 'no finding']),
)}

${markdown(['ScanCode', 'category'], Object.entries(table.scanCodeCategories))}
`;
}

const unweighed: table.SemgrepWeights = { impact: '', likelihood: '', confidence: '', securitySeverity: null };

/** Found by asking for every score there is. */
function cvssBands(): Rows {
  const scores = Array.from({ length: 101 }, (_value, index) => index / 10);
  return severities.map((severity) => {
    const band = scores.filter((score) => severityOfCvss(score) === severity).map((score) => score.toFixed(1));
    return [band.length === 1 ? band[0]! : `${band[0]!} to ${band.at(-1)!}`, severity];
  });
}

function semgrepSteps(): Rows {
  return table.semgrepOldLevels.map((level) => [
    level,
    table.semgrepSeverity(level, { ...unweighed, impact: 'HIGH', likelihood: 'HIGH' }),
    table.semgrepSeverity(level, { ...unweighed, likelihood: 'LOW', confidence: 'LOW' }),
    table.semgrepSeverity(level, unweighed),
  ]);
}

function gitleaksRows(): Rows {
  const bySeverity = new Map<Severity, string[]>();
  for (const [rule, severity] of Object.entries(table.gitleaksRules)) {
    bySeverity.set(severity, [...(bySeverity.get(severity) ?? []), `\`${rule}\``]);
  }
  return Array.from(bySeverity, ([severity, rules]) => [severity, rules.join(', ')]);
}

function markdown(head: readonly string[], rows: Rows): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
