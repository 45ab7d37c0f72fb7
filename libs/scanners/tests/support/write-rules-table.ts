import { writeFileSync } from 'node:fs';
import { rulesTable } from '../../src/sast/rules-table.ts';

/** Writes RULES.md; run it after a change of the rules. */
writeFileSync(new URL('../../RULES.md', import.meta.url), rulesTable());
