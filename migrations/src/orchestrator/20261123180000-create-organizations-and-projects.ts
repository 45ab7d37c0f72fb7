import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The organization that the transaction works for; null outside of one. After SET LOCAL ends the setting is '' and not null.
    CREATE FUNCTION current_organization() RETURNS uuid
      LANGUAGE sql STABLE PARALLEL SAFE
      RETURN NULLIF(current_setting('cloudscan.organization_id', true), '')::uuid;

    CREATE TABLE organizations (
      id uuid PRIMARY KEY,
      name text COLLATE "C" NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9]|)$'),
      display_name text NOT NULL CHECK (char_length(display_name) <= 1000),
      max_running_scans integer NOT NULL DEFAULT 0 CHECK (max_running_scans >= 0),
      max_queued_scans integer NOT NULL DEFAULT 0 CHECK (max_queued_scans >= 0),
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL
    );
    COMMENT ON COLUMN organizations.max_running_scans IS '0: the default of the deployment';
    COMMENT ON COLUMN organizations.max_queued_scans IS '0: the default of the deployment';

    CREATE TABLE projects (
      id uuid PRIMARY KEY,
      organization_id uuid NOT NULL REFERENCES organizations,
      name text COLLATE "C" NOT NULL CHECK (char_length(name) BETWEEN 1 AND 1000),
      description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 10000),
      git_url text NOT NULL DEFAULT '' CHECK (char_length(git_url) <= 4096),
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL,
      UNIQUE (organization_id, name)
    );

    ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
    ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON organizations TO cloudscan_app USING (id = current_organization());
    CREATE POLICY system ON organizations TO cloudscan_system USING (true);
    GRANT SELECT, UPDATE ON organizations TO cloudscan_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON organizations TO cloudscan_system;

    ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
    ALTER TABLE projects FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON projects TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON projects TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON projects TO cloudscan_app, cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE projects;
    DROP TABLE organizations;
    DROP FUNCTION current_organization();
  `);
}
