import { writeFileSync } from 'node:fs';
import { severityPage } from './severity-page.ts';

/** Writes docs/SEVERITY.md; run it after a change of the tables. */
writeFileSync(new URL('../../../../docs/SEVERITY.md', import.meta.url), severityPage());
