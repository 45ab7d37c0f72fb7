import type { Knex } from 'knex';

/*
 * What an import writes belongs to no scan until its end. Its run is discarded in advance, to fall due when the import gives no sign
 * of life any more; the end of the import takes that back. So whatever ends an import in between leaves nothing behind.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE discarded_runs ADD COLUMN due_at timestamptz NOT NULL DEFAULT now();
    COMMENT ON COLUMN discarded_runs.due_at IS 'the collector leaves the run alone until then';
    GRANT UPDATE, DELETE ON discarded_runs TO cloudscan_app;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    REVOKE UPDATE, DELETE ON discarded_runs FROM cloudscan_app;
    ALTER TABLE discarded_runs DROP COLUMN due_at;
  `);
}
