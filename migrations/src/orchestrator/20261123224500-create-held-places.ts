import type { Knex } from 'knex';

/*
 * One row per attempt that was admitted and has ended, but whose Job may still run: it holds its place under the caps until the
 * sweeper has seen that nothing of it runs any more. Counted by admission beside active_scans; as short-lived as the end of a
 * process.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE held_places (
      scan_id uuid NOT NULL,
      attempt integer NOT NULL CHECK (attempt > 0),
      organization_id uuid NOT NULL,
      ended_at timestamptz NOT NULL,
      PRIMARY KEY (scan_id, attempt)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200);
    CREATE INDEX held_places_by_organization ON held_places (organization_id, ended_at);
    CREATE INDEX held_places_by_end ON held_places (ended_at);

    ALTER TABLE held_places ENABLE ROW LEVEL SECURITY;
    ALTER TABLE held_places FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON held_places TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON held_places TO cloudscan_system USING (true);
    GRANT SELECT, INSERT ON held_places TO cloudscan_app;
    GRANT SELECT, INSERT, DELETE ON held_places TO cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE held_places');
}
