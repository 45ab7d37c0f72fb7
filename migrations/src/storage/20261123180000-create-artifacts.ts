import type { Knex } from 'knex';

/*
 * What the storage service knows of each object. Scans live in another service's schema, so nothing refers to them. A row
 * comes before the first byte and goes after the last one: an object without a row is a leftover.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE storage.artifacts (
      id uuid PRIMARY KEY,
      organization_id uuid NOT NULL,
      scan_id uuid,
      type text NOT NULL CHECK (type IN ('source_code', 'scan_results', 'report', 'log')),
      filename text NOT NULL CHECK (char_length(filename) BETWEEN 1 AND 255),
      content_type text NOT NULL CHECK (char_length(content_type) BETWEEN 1 AND 255),
      size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
      sha256 text NOT NULL CHECK (sha256 ~ '^([0-9a-f]{64}|)$'),
      object_key text NOT NULL UNIQUE,
      multipart_upload_id text,
      status text NOT NULL CHECK (status IN ('created', 'available', 'deleting')),
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    );
    COMMENT ON COLUMN storage.artifacts.scan_id IS 'null where a source is uploaded before its scan is created';
    COMMENT ON COLUMN storage.artifacts.size_bytes IS 'as declared, 0 when not known; once available, as seen';
    COMMENT ON COLUMN storage.artifacts.sha256 IS 'as declared, empty when not known; once available, as seen';
    COMMENT ON COLUMN storage.artifacts.expires_at IS 'created: the end of the upload; available: the end of its life';

    -- Ids are UUIDv7: their order is the order of creation.
    CREATE INDEX artifacts_of_scan ON storage.artifacts (scan_id, id DESC);
    CREATE INDEX artifacts_of_organization ON storage.artifacts (organization_id, id DESC);
    CREATE INDEX artifacts_expiry ON storage.artifacts (expires_at) WHERE status <> 'deleting';
    CREATE INDEX artifacts_deleting ON storage.artifacts (id) WHERE status = 'deleting';

    GRANT USAGE ON SCHEMA storage TO cloudscan_storage;
    GRANT SELECT, INSERT, UPDATE, DELETE ON storage.artifacts TO cloudscan_storage;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE storage.artifacts');
}
