import type { Knex } from 'knex';

/*
 * Findings belong to a run, and a run to a scan: all of it lies in the partition of the scan's month. A run's batches are
 * unique, so that a batch that was sent twice counts once. Runs that no scan counts are deleted later, from discarded_runs.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE findings (
      id uuid NOT NULL,
      scan_id uuid NOT NULL,
      scan_created_at timestamptz NOT NULL,
      organization_id uuid NOT NULL,
      run_id uuid NOT NULL,
      scan_type text NOT NULL CHECK (scan_type IN ('sast', 'sca', 'secrets', 'license')),
      tool_name text NOT NULL CHECK (char_length(tool_name) <= 1000),
      tool_version text NOT NULL CHECK (char_length(tool_version) <= 1000),
      rule_id text NOT NULL CHECK (char_length(rule_id) <= 4096),
      severity text NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low', 'info')),
      severity_rank smallint NOT NULL GENERATED ALWAYS AS (CASE severity
        WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END) STORED,
      title text NOT NULL CHECK (char_length(title) <= 10000),
      description text NOT NULL CHECK (char_length(description) <= 100000),
      file_path text NOT NULL CHECK (char_length(file_path) <= 10000),
      start_line integer NOT NULL CHECK (start_line >= 0),
      end_line integer NOT NULL CHECK (end_line >= 0),
      start_column integer NOT NULL CHECK (start_column >= 0),
      end_column integer NOT NULL CHECK (end_column >= 0),
      code_snippet text NOT NULL CHECK (char_length(code_snippet) <= 100000),
      cve_id text NOT NULL CHECK (char_length(cve_id) <= 1000),
      cwe_id text NOT NULL CHECK (char_length(cwe_id) <= 1000),
      cvss_score numeric(3, 1) NOT NULL CHECK (cvss_score BETWEEN 0 AND 10),
      cvss_vector text NOT NULL CHECK (char_length(cvss_vector) <= 1000),
      package_name text NOT NULL CHECK (char_length(package_name) <= 4096),
      package_version text NOT NULL CHECK (char_length(package_version) <= 1000),
      fixed_version text NOT NULL CHECK (char_length(fixed_version) <= 1000),
      license text NOT NULL CHECK (char_length(license) <= 10000),
      remediation text NOT NULL CHECK (char_length(remediation) <= 100000),
      "references" text[] NOT NULL CHECK (cardinality("references") <= 1000),
      raw_output text NOT NULL CHECK (char_length(raw_output) <= 100000),
      fingerprint text NOT NULL CHECK (char_length(fingerprint) <= 1000),
      created_at timestamptz NOT NULL,
      -- The order of GetFindings within a run.
      PRIMARY KEY (scan_id, run_id, severity_rank, id, scan_created_at)
    ) PARTITION BY RANGE (scan_created_at);
    CREATE INDEX findings_by_type ON findings (scan_id, run_id, scan_type, severity_rank, id);

    CREATE TABLE scan_runs (
      scan_id uuid NOT NULL,
      run_id uuid NOT NULL,
      scan_created_at timestamptz NOT NULL,
      organization_id uuid NOT NULL,
      attempt integer NOT NULL CHECK (attempt > 0),
      critical_count integer NOT NULL DEFAULT 0,
      high_count integer NOT NULL DEFAULT 0,
      medium_count integer NOT NULL DEFAULT 0,
      low_count integer NOT NULL DEFAULT 0,
      info_count integer NOT NULL DEFAULT 0,
      created_at timestamptz NOT NULL,
      PRIMARY KEY (scan_id, run_id, scan_created_at)
    ) PARTITION BY RANGE (scan_created_at);

    CREATE TABLE scan_run_batches (
      scan_id uuid NOT NULL,
      run_id uuid NOT NULL,
      batch_key text NOT NULL CHECK (char_length(batch_key) <= 1000),
      scan_created_at timestamptz NOT NULL,
      organization_id uuid NOT NULL,
      findings_count integer NOT NULL CHECK (findings_count >= 0),
      PRIMARY KEY (scan_id, run_id, batch_key, scan_created_at)
    ) PARTITION BY RANGE (scan_created_at);

    CREATE TABLE discarded_runs (
      scan_id uuid NOT NULL,
      run_id uuid NOT NULL,
      scan_created_at timestamptz NOT NULL,
      organization_id uuid NOT NULL,
      created_at timestamptz NOT NULL,
      PRIMARY KEY (scan_id, run_id)
    );

    ALTER TABLE findings ENABLE ROW LEVEL SECURITY;
    ALTER TABLE findings FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON findings TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON findings TO cloudscan_system USING (true);
    GRANT SELECT, INSERT ON findings TO cloudscan_app;
    GRANT SELECT, DELETE ON findings TO cloudscan_system;

    ALTER TABLE scan_runs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE scan_runs FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON scan_runs TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON scan_runs TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, UPDATE ON scan_runs TO cloudscan_app;
    GRANT SELECT, DELETE ON scan_runs TO cloudscan_system;

    ALTER TABLE scan_run_batches ENABLE ROW LEVEL SECURITY;
    ALTER TABLE scan_run_batches FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON scan_run_batches TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON scan_run_batches TO cloudscan_system USING (true);
    GRANT SELECT, INSERT ON scan_run_batches TO cloudscan_app;
    GRANT SELECT, DELETE ON scan_run_batches TO cloudscan_system;

    ALTER TABLE discarded_runs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE discarded_runs FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON discarded_runs TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON discarded_runs TO cloudscan_system USING (true);
    GRANT SELECT, INSERT ON discarded_runs TO cloudscan_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON discarded_runs TO cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE discarded_runs, scan_run_batches, scan_runs, findings');
}
