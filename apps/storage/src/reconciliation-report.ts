import { differenceKinds } from './reconciliation.ts';
import type { DifferenceKind, ReconciliationReport } from './reconciliation.ts';

const names: Readonly<Record<DifferenceKind, string>> = {
  artifactsWithoutObject: 'artifacts without an object',
  objectsWithoutArtifact: 'objects without an artifact',
  wrongObjects: 'objects that are not what was noted',
  wrongTotals: 'organizations with wrong totals',
};

/** Whether differences are left. */
export function hasDifferences({ differences }: ReconciliationReport): boolean {
  return Object.values(differences).some(({ count, mended }) => count > mended);
}

/** For people: a table, and a few examples of each difference. */
export function formatReport(report: ReconciliationReport): string {
  const { artifacts, objects, before, isDryRun, isForeignStore, differences } = report;
  const rows = differenceKinds.map((kind) => {
    const { count, bytes, mended } = differences[kind];
    return [names[kind], String(count), String(bytes), isDryRun ? '-' : String(mended)];
  });
  const lines = [
    `${artifacts} artifacts and ${objects} objects from before ${before.toISOString()}${isDryRun ? '; a dry run, nothing was changed' : ''}`,
    '',
    ...table([['DIFFERENCE', 'FOUND', 'BYTES', 'MENDED'], ...rows]),
  ];
  for (const kind of differenceKinds) {
    const { examples, count } = differences[kind];
    if (count === 0) continue;
    lines.push('', `${names[kind]}:`, ...examples.map((example) => `  ${example}`));
    if (count > examples.length) lines.push(`  and ${count - examples.length} more`);
  }
  if (isForeignStore)
    lines.push('', 'No artifact has its object: this is another store than the database is of. No artifact and no object was taken away.');
  return lines.join('\n');
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
