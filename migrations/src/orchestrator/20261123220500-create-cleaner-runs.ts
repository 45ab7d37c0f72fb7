import type { Knex } from 'knex';

/*
 * What the last runs of the cleaner did, for those who look after they ended. `scans_total` and `findings_total` are those of
 * all runs up to and with this one, so that old rows can go and the counts still only grow.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE cleaner_runs (
      id uuid PRIMARY KEY,
      started_at timestamptz NOT NULL,
      ended_at timestamptz NOT NULL,
      outcome text NOT NULL CHECK (outcome IN ('succeeded', 'failed', 'interrupted')),
      scans integer NOT NULL CHECK (scans >= 0),
      findings bigint NOT NULL CHECK (findings >= 0),
      batches integer NOT NULL CHECK (batches >= 0),
      longest_batch_ms double precision NOT NULL CHECK (longest_batch_ms >= 0),
      scans_total bigint NOT NULL CHECK (scans_total >= scans),
      findings_total bigint NOT NULL CHECK (findings_total >= findings),
      CONSTRAINT cleaner_runs_end_after_their_start CHECK (ended_at >= started_at)
    );

    ALTER TABLE cleaner_runs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE cleaner_runs FORCE ROW LEVEL SECURITY;
    CREATE POLICY system ON cleaner_runs TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, DELETE ON cleaner_runs TO cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE cleaner_runs');
}
