import type { Knex } from 'knex';

/*
 * What each organization keeps and may keep. The totals are those of its rows in `artifacts`, changed by the statement that
 * changes the rows, so that no upload waits for a count. They are never checked: a wrong one must not keep anything from
 * being deleted, and reconciliation counts again.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE storage.organizations (
      organization_id uuid PRIMARY KEY,
      used_bytes bigint NOT NULL DEFAULT 0,
      used_artifacts bigint NOT NULL DEFAULT 0,
      max_bytes bigint CHECK (max_bytes > 0),
      max_artifacts bigint CHECK (max_artifacts > 0),
      max_upload_bytes bigint CHECK (max_upload_bytes > 0)
    );
    COMMENT ON COLUMN storage.organizations.used_bytes IS 'the sum of size_bytes over its artifacts, those being deleted included';
    COMMENT ON COLUMN storage.organizations.max_bytes IS 'null: the default of the service';
    COMMENT ON COLUMN storage.organizations.max_artifacts IS 'null: the default of the service';
    COMMENT ON COLUMN storage.organizations.max_upload_bytes IS 'null: the default of the service';

    INSERT INTO storage.organizations (organization_id, used_bytes, used_artifacts)
    SELECT organization_id, sum(size_bytes), count(*) FROM storage.artifacts GROUP BY organization_id;

    GRANT SELECT, INSERT, UPDATE, DELETE ON storage.organizations TO cloudscan_storage;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE storage.organizations');
}
