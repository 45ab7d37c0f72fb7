import type { Knex } from 'knex';

/*
 * Partitioned by month on the scan's created_at, which is the moment in its UUIDv7: who knows the id knows the partition.
 * No DEFAULT partition (it forbids DETACH CONCURRENTLY) and no foreign key to or from (it makes DETACH take locks): the
 * repositories keep the references whole. RLS is on the parents; no role has any right on a partition.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- RFC 9562 section 5.7: the first 48 bits are milliseconds since 1970.
    CREATE FUNCTION uuid_v7_time(id uuid) RETURNS timestamptz
      LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
      RETURN to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0);

    CREATE TABLE scans (
      id uuid NOT NULL,
      organization_id uuid NOT NULL,
      project_id uuid NOT NULL,
      user_id text CHECK (char_length(user_id) <= 1000),
      status text NOT NULL CHECK (status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
      scan_types text[] NOT NULL CHECK (cardinality(scan_types) BETWEEN 1 AND 4 AND scan_types <@ '{sast,sca,secrets,license}'::text[]),
      repository_url text CHECK (char_length(repository_url) <= 4096),
      branch text CHECK (char_length(branch) <= 1000),
      commit_sha text CHECK (char_length(commit_sha) <= 1000),
      source_archive_key text CHECK (char_length(source_archive_key) <= 1000),
      priority integer NOT NULL DEFAULT 0,
      attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
      job_name text,
      job_namespace text,
      progress jsonb,
      findings_count integer NOT NULL DEFAULT 0,
      critical_count integer NOT NULL DEFAULT 0 CHECK (critical_count >= 0),
      high_count integer NOT NULL DEFAULT 0 CHECK (high_count >= 0),
      medium_count integer NOT NULL DEFAULT 0 CHECK (medium_count >= 0),
      low_count integer NOT NULL DEFAULT 0 CHECK (low_count >= 0),
      info_count integer NOT NULL DEFAULT 0 CHECK (info_count >= 0),
      tools jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tools) = 'array'),
      accepted_run_id uuid,
      results_artifact_id text CHECK (char_length(results_artifact_id) <= 1000),
      failure_reason text CHECK (failure_reason IN ('tool_error', 'oom_killed', 'evicted', 'preempted', 'image_pull', 'unschedulable',
        'deadline_exceeded', 'source_missing', 'source_invalid', 'quota', 'runner_lost', 'cancelled', 'internal')),
      failure_evidence jsonb,
      error_message text NOT NULL DEFAULT '' CHECK (char_length(error_message) <= 10000),
      event_sequence integer NOT NULL,
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL,
      queued_at timestamptz,
      admitted_at timestamptz,
      started_at timestamptz,
      completed_at timestamptz,
      PRIMARY KEY (id, created_at),
      CONSTRAINT scans_created_at_is_the_moment_of_the_id CHECK (created_at = uuid_v7_time(id)),
      CONSTRAINT scans_findings_count_is_the_sum CHECK (findings_count = critical_count + high_count + medium_count + low_count + info_count),
      CONSTRAINT scans_attempt_fits_status CHECK (CASE status
        WHEN 'pending' THEN attempt = 0 AND admitted_at IS NULL
        WHEN 'queued' THEN attempt > 0 AND queued_at IS NOT NULL AND started_at IS NULL
        WHEN 'running' THEN attempt > 0 AND admitted_at IS NOT NULL AND started_at IS NOT NULL
        WHEN 'completed' THEN attempt > 0 AND accepted_run_id IS NOT NULL
        ELSE true END),
      CONSTRAINT scans_completed_at_fits_status CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))),
      CONSTRAINT scans_failure_reason_fits_status CHECK ((failure_reason IS NOT NULL) = (status = 'failed'))
    ) PARTITION BY RANGE (created_at);

    -- One index for each filter of ListScans, in its order, newest first.
    CREATE INDEX scans_by_organization ON scans (organization_id, created_at DESC, id DESC);
    CREATE INDEX scans_by_project ON scans (organization_id, project_id, created_at DESC, id DESC);
    CREATE INDEX scans_by_status ON scans (organization_id, status, created_at DESC, id DESC);
    CREATE INDEX scans_by_project_and_status ON scans (organization_id, project_id, status, created_at DESC, id DESC);
    -- What expires.
    CREATE INDEX scans_pending ON scans (created_at, id) WHERE status = 'pending';

    CREATE TABLE scan_events (
      scan_id uuid NOT NULL,
      sequence integer NOT NULL CHECK (sequence > 0),
      scan_created_at timestamptz NOT NULL,
      organization_id uuid NOT NULL,
      type text NOT NULL CHECK (type IN ('transition', 'progress')),
      from_status text CHECK (from_status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
      to_status text NOT NULL CHECK (to_status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
      attempt integer NOT NULL,
      actor text NOT NULL CHECK (char_length(actor) <= 1000),
      message text NOT NULL CHECK (char_length(message) <= 10000),
      progress jsonb,
      failure_reason text CHECK (failure_reason IN ('tool_error', 'oom_killed', 'evicted', 'preempted', 'image_pull', 'unschedulable',
        'deadline_exceeded', 'source_missing', 'source_invalid', 'quota', 'runner_lost', 'cancelled', 'internal')),
      created_at timestamptz NOT NULL,
      PRIMARY KEY (scan_id, sequence, scan_created_at)
    ) PARTITION BY RANGE (scan_created_at);

    ALTER TABLE scans ENABLE ROW LEVEL SECURITY;
    ALTER TABLE scans FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON scans TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON scans TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON scans TO cloudscan_app, cloudscan_system;

    ALTER TABLE scan_events ENABLE ROW LEVEL SECURITY;
    ALTER TABLE scan_events FORCE ROW LEVEL SECURITY;
    CREATE POLICY organization ON scan_events TO cloudscan_app USING (organization_id = current_organization());
    CREATE POLICY system ON scan_events TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, DELETE ON scan_events TO cloudscan_app, cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE scan_events;
    DROP TABLE scans;
    DROP FUNCTION uuid_v7_time(uuid);
  `);
}
