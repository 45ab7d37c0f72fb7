import type { Knex } from 'knex';

/*
 * active_scans holds one row per scan that is queued or running, and nothing else: admission counts and picks here, so its
 * cost follows the work at hand and not the months of history. Every transition in or out changes it in its transaction.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE active_scans (
      scan_id uuid PRIMARY KEY,
      scan_created_at timestamptz NOT NULL,
      organization_id uuid NOT NULL,
      attempt integer NOT NULL CHECK (attempt > 0),
      priority integer NOT NULL,
      queued_at timestamptz NOT NULL,
      admitted_at timestamptz
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200);
    CREATE INDEX active_scans_waiting ON active_scans (organization_id, priority DESC, queued_at, scan_id) WHERE admitted_at IS NULL;
    CREATE INDEX active_scans_admitted ON active_scans (organization_id) WHERE admitted_at IS NOT NULL;

    -- Not partitioned: a unique constraint there would have to hold the month, and so would not hold the key.
    CREATE TABLE idempotency_keys (
      organization_id uuid NOT NULL,
      key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 1000),
      request_hash text NOT NULL CHECK (char_length(request_hash) <= 1000),
      scan_id uuid NOT NULL,
      created_at timestamptz NOT NULL,
      PRIMARY KEY (organization_id, key)
    );
    CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

    ALTER TABLE active_scans ENABLE ROW LEVEL SECURITY;
    ALTER TABLE active_scans FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON active_scans TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON active_scans TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON active_scans TO cloudscan_app, cloudscan_system;

    ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
    ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON idempotency_keys TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON idempotency_keys TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO cloudscan_app;
    GRANT SELECT, DELETE ON idempotency_keys TO cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE idempotency_keys, active_scans');
}
