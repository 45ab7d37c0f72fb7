import type { Knex } from 'knex';

/*
 * What each organization's attempts have used of the runners, in seconds, as of `updated_at`; it halves with every half-life
 * that passes after it. Admission charges it under its lock. One row an organization, gone with it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE organization_usage (
      organization_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
      used_seconds double precision NOT NULL CHECK (used_seconds >= 0),
      updated_at timestamptz NOT NULL
    ) WITH (fillfactor = 50);

    ALTER TABLE organization_usage ENABLE ROW LEVEL SECURITY;
    ALTER TABLE organization_usage FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON organization_usage FOR SELECT TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON organization_usage TO cloudscan_system USING (true);
    GRANT SELECT ON organization_usage TO cloudscan_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON organization_usage TO cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE organization_usage');
}
