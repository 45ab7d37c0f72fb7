import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import { migrate } from './migrate.ts';
import { dumpSchema } from './schema-dump.ts';

/**
 * Migrates the database that `DB_*` names, which should be an empty one, and compares its schema with the committed
 * `schema.sql`; `--write` writes the file instead. Exits with 1 when they differ.
 */
const file = join(import.meta.dirname, '../schema.sql');
const config = readConfig(process.env, readDatabaseConfig);
await migrate(config);
const dump = await dumpSchema(config);
if (process.argv.includes('--write')) {
  await writeFile(file, dump);
} else if ((await readFile(file, 'utf8')) !== dump) {
  process.stderr.write(
    'migrations/schema.sql is not what the migrations add up to; run "npm run schema:write" in migrations/ on an empty database\n',
  );
  process.exitCode = 1;
}
