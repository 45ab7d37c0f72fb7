CREATE OR REPLACE FUNCTION public.current_organization()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('cloudscan.organization_id'::text, true), ''::text))::uuid;
GRANT EXECUTE ON FUNCTION current_organization() TO PUBLIC;

CREATE OR REPLACE FUNCTION public.ensure_partition(month date)
 RETURNS text[]
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    DECLARE
      month_start CONSTANT date := make_date(extract(year FROM month)::integer, extract(month FROM month)::integer, 1);
      range_from CONSTANT text := to_char(month_start, 'YYYY-MM-DD') || ' 00:00:00+00';
      range_to CONSTANT text := to_char(month_start + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
      parent text;
      leaf text;
      made text[] := '{}';
    BEGIN
      PERFORM pg_advisory_xact_lock(7240003);
      FOR parent IN
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'p' ORDER BY relname
      LOOP
        leaf := parent || to_char(month_start, '_YYYY_MM');
        CONTINUE WHEN to_regclass(format('public.%I', leaf)) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', leaf, parent);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', parent, leaf, range_from, range_to);
        made := made || leaf;
      END LOOP;
      RETURN made;
    END
    $function$;
GRANT EXECUTE ON FUNCTION ensure_partition(date) TO cloudscan_system;

CREATE OR REPLACE FUNCTION public.uuid_v7_time(id uuid)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN to_timestamp((((((('x'::text || "left"(replace((id)::text, '-'::text, ''::text), 12)))::bit(48))::bigint)::numeric / 1000.0))::double precision);
GRANT EXECUTE ON FUNCTION uuid_v7_time(uuid) TO PUBLIC;

CREATE TABLE active_scans (
  scan_id uuid NOT NULL,
  scan_created_at timestamp with time zone NOT NULL,
  organization_id uuid NOT NULL,
  attempt integer NOT NULL,
  priority integer NOT NULL,
  queued_at timestamp with time zone NOT NULL,
  admitted_at timestamp with time zone,
  CONSTRAINT active_scans_pkey PRIMARY KEY (scan_id),
  CONSTRAINT active_scans_attempt_check CHECK ((attempt > 0))
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=200);
CREATE INDEX active_scans_admitted ON public.active_scans USING btree (organization_id) WHERE (admitted_at IS NOT NULL);
CREATE INDEX active_scans_waiting ON public.active_scans USING btree (organization_id, priority DESC, queued_at, scan_id) WHERE (admitted_at IS NULL);
ALTER TABLE active_scans ENABLE ROW LEVEL SECURITY;
ALTER TABLE active_scans FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON active_scans FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON active_scans FOR ALL TO cloudscan_system USING (true);
GRANT DELETE, INSERT, SELECT, UPDATE ON active_scans TO cloudscan_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON active_scans TO cloudscan_system;

CREATE TABLE cleaner_runs (
  id uuid NOT NULL,
  started_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone NOT NULL,
  outcome text NOT NULL,
  scans integer NOT NULL,
  findings bigint NOT NULL,
  batches integer NOT NULL,
  longest_batch_ms double precision NOT NULL,
  scans_total bigint NOT NULL,
  findings_total bigint NOT NULL,
  CONSTRAINT cleaner_runs_pkey PRIMARY KEY (id),
  CONSTRAINT cleaner_runs_batches_check CHECK ((batches >= 0)),
  CONSTRAINT cleaner_runs_check CHECK ((scans_total >= scans)),
  CONSTRAINT cleaner_runs_check1 CHECK ((findings_total >= findings)),
  CONSTRAINT cleaner_runs_end_after_their_start CHECK ((ended_at >= started_at)),
  CONSTRAINT cleaner_runs_findings_check CHECK ((findings >= 0)),
  CONSTRAINT cleaner_runs_longest_batch_ms_check CHECK ((longest_batch_ms >= (0)::double precision)),
  CONSTRAINT cleaner_runs_outcome_check CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'interrupted'::text]))),
  CONSTRAINT cleaner_runs_scans_check CHECK ((scans >= 0))
);
ALTER TABLE cleaner_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE cleaner_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON cleaner_runs FOR ALL TO cloudscan_system USING (true);
GRANT DELETE, INSERT, SELECT ON cleaner_runs TO cloudscan_system;

CREATE TABLE discarded_runs (
  scan_id uuid NOT NULL,
  run_id uuid NOT NULL,
  scan_created_at timestamp with time zone NOT NULL,
  organization_id uuid NOT NULL,
  created_at timestamp with time zone NOT NULL,
  due_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT discarded_runs_pkey PRIMARY KEY (scan_id, run_id)
);
ALTER TABLE discarded_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE discarded_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON discarded_runs FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON discarded_runs FOR ALL TO cloudscan_system USING (true);
GRANT DELETE, INSERT, SELECT, UPDATE ON discarded_runs TO cloudscan_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON discarded_runs TO cloudscan_system;
COMMENT ON COLUMN discarded_runs.due_at IS 'the collector leaves the run alone until then';

CREATE TABLE findings (
  id uuid NOT NULL,
  scan_id uuid NOT NULL,
  scan_created_at timestamp with time zone NOT NULL,
  organization_id uuid NOT NULL,
  run_id uuid NOT NULL,
  scan_type text NOT NULL,
  tool_name text NOT NULL,
  tool_version text NOT NULL,
  rule_id text NOT NULL,
  severity text NOT NULL,
  severity_rank smallint GENERATED ALWAYS AS (
CASE severity
    WHEN 'critical'::text THEN 0
    WHEN 'high'::text THEN 1
    WHEN 'medium'::text THEN 2
    WHEN 'low'::text THEN 3
    ELSE 4
END) STORED NOT NULL,
  title text NOT NULL,
  description text NOT NULL,
  file_path text NOT NULL,
  start_line integer NOT NULL,
  end_line integer NOT NULL,
  start_column integer NOT NULL,
  end_column integer NOT NULL,
  code_snippet text NOT NULL,
  cve_id text NOT NULL,
  cwe_id text NOT NULL,
  cvss_score numeric(3,1) NOT NULL,
  cvss_vector text NOT NULL,
  package_name text NOT NULL,
  package_version text NOT NULL,
  fixed_version text NOT NULL,
  license text NOT NULL,
  remediation text NOT NULL,
  "references" text[] NOT NULL,
  raw_output text NOT NULL,
  fingerprint text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  license_category text DEFAULT ''::text NOT NULL,
  CONSTRAINT findings_pkey PRIMARY KEY (scan_id, run_id, severity_rank, id, scan_created_at),
  CONSTRAINT findings_code_snippet_check CHECK ((char_length(code_snippet) <= 100000)),
  CONSTRAINT findings_cve_id_check CHECK ((char_length(cve_id) <= 1000)),
  CONSTRAINT findings_cvss_score_check CHECK (((cvss_score >= (0)::numeric) AND (cvss_score <= (10)::numeric))),
  CONSTRAINT findings_cvss_vector_check CHECK ((char_length(cvss_vector) <= 1000)),
  CONSTRAINT findings_cwe_id_check CHECK ((char_length(cwe_id) <= 1000)),
  CONSTRAINT findings_description_check CHECK ((char_length(description) <= 100000)),
  CONSTRAINT findings_end_column_check CHECK ((end_column >= 0)),
  CONSTRAINT findings_end_line_check CHECK ((end_line >= 0)),
  CONSTRAINT findings_file_path_check CHECK ((char_length(file_path) <= 10000)),
  CONSTRAINT findings_fingerprint_check CHECK ((char_length(fingerprint) <= 1000)),
  CONSTRAINT findings_fixed_version_check CHECK ((char_length(fixed_version) <= 1000)),
  CONSTRAINT findings_license_check CHECK ((char_length(license) <= 10000)),
  CONSTRAINT findings_package_name_check CHECK ((char_length(package_name) <= 4096)),
  CONSTRAINT findings_package_version_check CHECK ((char_length(package_version) <= 1000)),
  CONSTRAINT findings_raw_output_check CHECK ((char_length(raw_output) <= 100000)),
  CONSTRAINT findings_references_check CHECK ((cardinality("references") <= 1000)),
  CONSTRAINT findings_remediation_check CHECK ((char_length(remediation) <= 100000)),
  CONSTRAINT findings_rule_id_check CHECK ((char_length(rule_id) <= 4096)),
  CONSTRAINT findings_scan_type_check CHECK ((scan_type = ANY (ARRAY['sast'::text, 'sca'::text, 'secrets'::text, 'license'::text]))),
  CONSTRAINT findings_severity_check CHECK ((severity = ANY (ARRAY['critical'::text, 'high'::text, 'medium'::text, 'low'::text, 'info'::text]))),
  CONSTRAINT findings_start_column_check CHECK ((start_column >= 0)),
  CONSTRAINT findings_start_line_check CHECK ((start_line >= 0)),
  CONSTRAINT findings_title_check CHECK ((char_length(title) <= 10000)),
  CONSTRAINT findings_tool_name_check CHECK ((char_length(tool_name) <= 1000)),
  CONSTRAINT findings_tool_version_check CHECK ((char_length(tool_version) <= 1000))
) PARTITION BY RANGE (scan_created_at);
CREATE INDEX findings_by_type ON ONLY public.findings USING btree (scan_id, run_id, scan_type, severity_rank, id);
ALTER TABLE findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE findings FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON findings FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON findings FOR ALL TO cloudscan_system USING (true);
GRANT INSERT, SELECT ON findings TO cloudscan_app;
GRANT DELETE, SELECT ON findings TO cloudscan_system;

CREATE TABLE held_places (
  scan_id uuid NOT NULL,
  attempt integer NOT NULL,
  organization_id uuid NOT NULL,
  ended_at timestamp with time zone NOT NULL,
  CONSTRAINT held_places_pkey PRIMARY KEY (scan_id, attempt),
  CONSTRAINT held_places_attempt_check CHECK ((attempt > 0))
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=200);
CREATE INDEX held_places_by_end ON public.held_places USING btree (ended_at);
CREATE INDEX held_places_by_organization ON public.held_places USING btree (organization_id, ended_at);
ALTER TABLE held_places ENABLE ROW LEVEL SECURITY;
ALTER TABLE held_places FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON held_places FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON held_places FOR ALL TO cloudscan_system USING (true);
GRANT INSERT, SELECT ON held_places TO cloudscan_app;
GRANT DELETE, INSERT, SELECT ON held_places TO cloudscan_system;

CREATE TABLE idempotency_keys (
  organization_id uuid NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  scan_id uuid NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, key),
  CONSTRAINT idempotency_keys_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 1000))),
  CONSTRAINT idempotency_keys_request_hash_check CHECK ((char_length(request_hash) <= 1000))
);
CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON idempotency_keys FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON idempotency_keys FOR ALL TO cloudscan_system USING (true);
GRANT INSERT, SELECT, UPDATE ON idempotency_keys TO cloudscan_app;
GRANT DELETE, SELECT ON idempotency_keys TO cloudscan_system;

CREATE TABLE local_jobs (
  job_name text COLLATE "C" NOT NULL,
  scan_id uuid NOT NULL,
  organization_id uuid NOT NULL,
  attempt integer NOT NULL,
  phase text NOT NULL,
  supervisor_pid integer,
  supervisor_started_at text,
  runner_pid integer,
  runner_started_at text,
  work_dir text NOT NULL,
  exit_code integer,
  signal text,
  condition text,
  log_tail text,
  cancel_requested boolean DEFAULT false NOT NULL,
  created_at timestamp with time zone NOT NULL,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  CONSTRAINT local_jobs_pkey PRIMARY KEY (job_name),
  CONSTRAINT local_jobs_attempt_check CHECK ((attempt > 0)),
  CONSTRAINT local_jobs_check CHECK (((supervisor_pid IS NULL) = (supervisor_started_at IS NULL))),
  CONSTRAINT local_jobs_check1 CHECK (((runner_pid IS NULL) = (runner_started_at IS NULL))),
  CONSTRAINT local_jobs_check2 CHECK (((ended_at IS NOT NULL) = (phase = ANY (ARRAY['succeeded'::text, 'failed'::text])))),
  CONSTRAINT local_jobs_log_tail_check CHECK ((char_length(log_tail) <= 100000)),
  CONSTRAINT local_jobs_phase_check CHECK ((phase = ANY (ARRAY['pending'::text, 'running'::text, 'succeeded'::text, 'failed'::text])))
);
ALTER TABLE local_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE local_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON local_jobs FOR ALL TO cloudscan_system USING (true);
GRANT DELETE, INSERT, SELECT, UPDATE ON local_jobs TO cloudscan_system;

CREATE TABLE organization_usage (
  organization_id uuid NOT NULL,
  used_seconds double precision NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  CONSTRAINT organization_usage_pkey PRIMARY KEY (organization_id),
  CONSTRAINT organization_usage_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  CONSTRAINT organization_usage_used_seconds_check CHECK ((used_seconds >= (0)::double precision))
) WITH (fillfactor=50);
ALTER TABLE organization_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON organization_usage FOR SELECT TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON organization_usage FOR ALL TO cloudscan_system USING (true);
GRANT SELECT ON organization_usage TO cloudscan_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON organization_usage TO cloudscan_system;

CREATE TABLE organizations (
  id uuid NOT NULL,
  name text COLLATE "C" NOT NULL,
  display_name text NOT NULL,
  max_running_scans integer DEFAULT 0 NOT NULL,
  max_queued_scans integer DEFAULT 0 NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  CONSTRAINT organizations_pkey PRIMARY KEY (id),
  CONSTRAINT organizations_display_name_check CHECK ((char_length(display_name) <= 1000)),
  CONSTRAINT organizations_max_queued_scans_check CHECK ((max_queued_scans >= 0)),
  CONSTRAINT organizations_max_running_scans_check CHECK ((max_running_scans >= 0)),
  CONSTRAINT organizations_name_check CHECK ((name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9]|)$'::text)),
  CONSTRAINT organizations_name_key UNIQUE (name)
);
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON organizations FOR ALL TO cloudscan_app USING ((id = current_organization()));
CREATE POLICY system ON organizations FOR ALL TO cloudscan_system USING (true);
GRANT SELECT, UPDATE ON organizations TO cloudscan_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON organizations TO cloudscan_system;
COMMENT ON COLUMN organizations.max_running_scans IS '0: the default of the deployment';
COMMENT ON COLUMN organizations.max_queued_scans IS '0: the default of the deployment';

CREATE TABLE projects (
  id uuid NOT NULL,
  organization_id uuid NOT NULL,
  name text COLLATE "C" NOT NULL,
  description text DEFAULT ''::text NOT NULL,
  git_url text DEFAULT ''::text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  CONSTRAINT projects_pkey PRIMARY KEY (id),
  CONSTRAINT projects_description_check CHECK ((char_length(description) <= 10000)),
  CONSTRAINT projects_git_url_check CHECK ((char_length(git_url) <= 4096)),
  CONSTRAINT projects_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 1000))),
  CONSTRAINT projects_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id),
  CONSTRAINT projects_organization_id_name_key UNIQUE (organization_id, name)
);
ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON projects FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON projects FOR ALL TO cloudscan_system USING (true);
GRANT DELETE, INSERT, SELECT, UPDATE ON projects TO cloudscan_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON projects TO cloudscan_system;

CREATE TABLE scan_events (
  scan_id uuid NOT NULL,
  sequence integer NOT NULL,
  scan_created_at timestamp with time zone NOT NULL,
  organization_id uuid NOT NULL,
  type text NOT NULL,
  from_status text,
  to_status text NOT NULL,
  attempt integer NOT NULL,
  actor text NOT NULL,
  message text NOT NULL,
  progress jsonb,
  failure_reason text,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT scan_events_pkey PRIMARY KEY (scan_id, sequence, scan_created_at),
  CONSTRAINT scan_events_actor_check CHECK ((char_length(actor) <= 1000)),
  CONSTRAINT scan_events_failure_reason_check CHECK ((failure_reason = ANY (ARRAY['tool_error'::text, 'oom_killed'::text, 'evicted'::text, 'preempted'::text, 'image_pull'::text, 'unschedulable'::text, 'deadline_exceeded'::text, 'source_missing'::text, 'source_invalid'::text, 'quota'::text, 'runner_lost'::text, 'cancelled'::text, 'internal'::text]))),
  CONSTRAINT scan_events_from_status_check CHECK ((from_status = ANY (ARRAY['pending'::text, 'queued'::text, 'running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
  CONSTRAINT scan_events_message_check CHECK ((char_length(message) <= 10000)),
  CONSTRAINT scan_events_sequence_check CHECK ((sequence > 0)),
  CONSTRAINT scan_events_to_status_check CHECK ((to_status = ANY (ARRAY['pending'::text, 'queued'::text, 'running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
  CONSTRAINT scan_events_type_check CHECK ((type = ANY (ARRAY['transition'::text, 'progress'::text])))
) PARTITION BY RANGE (scan_created_at);
ALTER TABLE scan_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE scan_events FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON scan_events FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON scan_events FOR ALL TO cloudscan_system USING (true);
GRANT DELETE, INSERT, SELECT ON scan_events TO cloudscan_app;
GRANT DELETE, INSERT, SELECT ON scan_events TO cloudscan_system;

CREATE TABLE scan_run_batches (
  scan_id uuid NOT NULL,
  run_id uuid NOT NULL,
  batch_key text NOT NULL,
  scan_created_at timestamp with time zone NOT NULL,
  organization_id uuid NOT NULL,
  findings_count integer NOT NULL,
  CONSTRAINT scan_run_batches_pkey PRIMARY KEY (scan_id, run_id, batch_key, scan_created_at),
  CONSTRAINT scan_run_batches_batch_key_check CHECK ((char_length(batch_key) <= 1000)),
  CONSTRAINT scan_run_batches_findings_count_check CHECK ((findings_count >= 0))
) PARTITION BY RANGE (scan_created_at);
ALTER TABLE scan_run_batches ENABLE ROW LEVEL SECURITY;
ALTER TABLE scan_run_batches FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON scan_run_batches FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON scan_run_batches FOR ALL TO cloudscan_system USING (true);
GRANT INSERT, SELECT ON scan_run_batches TO cloudscan_app;
GRANT DELETE, SELECT ON scan_run_batches TO cloudscan_system;

CREATE TABLE scan_runs (
  scan_id uuid NOT NULL,
  run_id uuid NOT NULL,
  scan_created_at timestamp with time zone NOT NULL,
  organization_id uuid NOT NULL,
  attempt integer NOT NULL,
  critical_count integer DEFAULT 0 NOT NULL,
  high_count integer DEFAULT 0 NOT NULL,
  medium_count integer DEFAULT 0 NOT NULL,
  low_count integer DEFAULT 0 NOT NULL,
  info_count integer DEFAULT 0 NOT NULL,
  created_at timestamp with time zone NOT NULL,
  CONSTRAINT scan_runs_pkey PRIMARY KEY (scan_id, run_id, scan_created_at),
  CONSTRAINT scan_runs_attempt_check CHECK ((attempt > 0))
) PARTITION BY RANGE (scan_created_at);
ALTER TABLE scan_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE scan_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON scan_runs FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON scan_runs FOR ALL TO cloudscan_system USING (true);
GRANT INSERT, SELECT, UPDATE ON scan_runs TO cloudscan_app;
GRANT DELETE, SELECT ON scan_runs TO cloudscan_system;

CREATE TABLE scans (
  id uuid NOT NULL,
  organization_id uuid NOT NULL,
  project_id uuid NOT NULL,
  user_id text,
  status text NOT NULL,
  scan_types text[] NOT NULL,
  repository_url text,
  branch text,
  commit_sha text,
  source_archive_key text,
  priority integer DEFAULT 0 NOT NULL,
  attempt integer DEFAULT 0 NOT NULL,
  job_name text,
  job_namespace text,
  progress jsonb,
  findings_count integer DEFAULT 0 NOT NULL,
  critical_count integer DEFAULT 0 NOT NULL,
  high_count integer DEFAULT 0 NOT NULL,
  medium_count integer DEFAULT 0 NOT NULL,
  low_count integer DEFAULT 0 NOT NULL,
  info_count integer DEFAULT 0 NOT NULL,
  tools jsonb DEFAULT '[]'::jsonb NOT NULL,
  accepted_run_id uuid,
  results_artifact_id text,
  failure_reason text,
  failure_evidence jsonb,
  error_message text DEFAULT ''::text NOT NULL,
  event_sequence integer NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  queued_at timestamp with time zone,
  admitted_at timestamp with time zone,
  started_at timestamp with time zone,
  completed_at timestamp with time zone,
  provenance jsonb,
  CONSTRAINT scans_pkey PRIMARY KEY (id, created_at),
  CONSTRAINT scans_attempt_check CHECK ((attempt >= 0)),
  CONSTRAINT scans_attempt_fits_status CHECK (
CASE status
    WHEN 'pending'::text THEN ((attempt = 0) AND (admitted_at IS NULL))
    WHEN 'queued'::text THEN ((attempt > 0) AND (queued_at IS NOT NULL) AND (started_at IS NULL))
    WHEN 'running'::text THEN ((attempt > 0) AND (admitted_at IS NOT NULL) AND (started_at IS NOT NULL))
    WHEN 'completed'::text THEN ((attempt > 0) AND (accepted_run_id IS NOT NULL))
    ELSE true
END),
  CONSTRAINT scans_branch_check CHECK ((char_length(branch) <= 1000)),
  CONSTRAINT scans_commit_sha_check CHECK ((char_length(commit_sha) <= 1000)),
  CONSTRAINT scans_completed_at_fits_status CHECK (((completed_at IS NOT NULL) = (status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])))),
  CONSTRAINT scans_created_at_is_the_moment_of_the_id CHECK ((created_at = uuid_v7_time(id))),
  CONSTRAINT scans_critical_count_check CHECK ((critical_count >= 0)),
  CONSTRAINT scans_error_message_check CHECK ((char_length(error_message) <= 10000)),
  CONSTRAINT scans_failure_reason_check CHECK ((failure_reason = ANY (ARRAY['tool_error'::text, 'oom_killed'::text, 'evicted'::text, 'preempted'::text, 'image_pull'::text, 'unschedulable'::text, 'deadline_exceeded'::text, 'source_missing'::text, 'source_invalid'::text, 'quota'::text, 'runner_lost'::text, 'cancelled'::text, 'internal'::text]))),
  CONSTRAINT scans_failure_reason_fits_status CHECK (((failure_reason IS NOT NULL) = (status = 'failed'::text))),
  CONSTRAINT scans_findings_count_is_the_sum CHECK ((findings_count = ((((critical_count + high_count) + medium_count) + low_count) + info_count))),
  CONSTRAINT scans_high_count_check CHECK ((high_count >= 0)),
  CONSTRAINT scans_info_count_check CHECK ((info_count >= 0)),
  CONSTRAINT scans_low_count_check CHECK ((low_count >= 0)),
  CONSTRAINT scans_medium_count_check CHECK ((medium_count >= 0)),
  CONSTRAINT scans_repository_url_check CHECK ((char_length(repository_url) <= 4096)),
  CONSTRAINT scans_results_artifact_id_check CHECK ((char_length(results_artifact_id) <= 1000)),
  CONSTRAINT scans_scan_types_check CHECK ((((cardinality(scan_types) >= 1) AND (cardinality(scan_types) <= 4)) AND (scan_types <@ '{sast,sca,secrets,license}'::text[]))),
  CONSTRAINT scans_source_archive_key_check CHECK ((char_length(source_archive_key) <= 1000)),
  CONSTRAINT scans_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'queued'::text, 'running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
  CONSTRAINT scans_tools_check CHECK ((jsonb_typeof(tools) = 'array'::text)),
  CONSTRAINT scans_user_id_check CHECK ((char_length(user_id) <= 1000))
) PARTITION BY RANGE (created_at);
CREATE INDEX scans_by_organization ON ONLY public.scans USING btree (organization_id, created_at DESC, id DESC);
CREATE INDEX scans_by_project ON ONLY public.scans USING btree (organization_id, project_id, created_at DESC, id DESC);
CREATE INDEX scans_by_project_and_status ON ONLY public.scans USING btree (organization_id, project_id, status, created_at DESC, id DESC);
CREATE INDEX scans_by_status ON ONLY public.scans USING btree (organization_id, status, created_at DESC, id DESC);
CREATE INDEX scans_pending ON ONLY public.scans USING btree (created_at, id) WHERE (status = 'pending'::text);
ALTER TABLE scans ENABLE ROW LEVEL SECURITY;
ALTER TABLE scans FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON scans FOR ALL TO cloudscan_app USING ((organization_id = current_organization()));
CREATE POLICY system ON scans FOR ALL TO cloudscan_system USING (true);
GRANT DELETE, INSERT, SELECT, UPDATE ON scans TO cloudscan_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON scans TO cloudscan_system;

CREATE TABLE storage.artifacts (
  id uuid NOT NULL,
  organization_id uuid NOT NULL,
  scan_id uuid,
  type text NOT NULL,
  filename text NOT NULL,
  content_type text NOT NULL,
  size_bytes bigint NOT NULL,
  sha256 text NOT NULL,
  object_key text NOT NULL,
  multipart_upload_id text,
  status text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT artifacts_pkey PRIMARY KEY (id),
  CONSTRAINT artifacts_content_type_check CHECK (((char_length(content_type) >= 1) AND (char_length(content_type) <= 255))),
  CONSTRAINT artifacts_filename_check CHECK (((char_length(filename) >= 1) AND (char_length(filename) <= 255))),
  CONSTRAINT artifacts_object_key_key UNIQUE (object_key),
  CONSTRAINT artifacts_sha256_check CHECK ((sha256 ~ '^([0-9a-f]{64}|)$'::text)),
  CONSTRAINT artifacts_size_bytes_check CHECK ((size_bytes >= 0)),
  CONSTRAINT artifacts_status_check CHECK ((status = ANY (ARRAY['created'::text, 'available'::text, 'deleting'::text]))),
  CONSTRAINT artifacts_type_check CHECK ((type = ANY (ARRAY['source_code'::text, 'scan_results'::text, 'report'::text, 'log'::text])))
);
CREATE INDEX artifacts_deleting ON storage.artifacts USING btree (id) WHERE (status = 'deleting'::text);
CREATE INDEX artifacts_expiry ON storage.artifacts USING btree (expires_at) WHERE (status <> 'deleting'::text);
CREATE INDEX artifacts_of_organization ON storage.artifacts USING btree (organization_id, id DESC);
CREATE INDEX artifacts_of_scan ON storage.artifacts USING btree (scan_id, id DESC);
GRANT DELETE, INSERT, SELECT, UPDATE ON storage.artifacts TO cloudscan_storage;
COMMENT ON COLUMN storage.artifacts.scan_id IS 'null where a source is uploaded before its scan is created';
COMMENT ON COLUMN storage.artifacts.size_bytes IS 'as declared, 0 when not known; once available, as seen';
COMMENT ON COLUMN storage.artifacts.sha256 IS 'as declared, empty when not known; once available, as seen';
COMMENT ON COLUMN storage.artifacts.expires_at IS 'created: the end of the upload; available: the end of its life';

CREATE TABLE storage.organizations (
  organization_id uuid NOT NULL,
  used_bytes bigint DEFAULT 0 NOT NULL,
  used_artifacts bigint DEFAULT 0 NOT NULL,
  max_bytes bigint,
  max_artifacts bigint,
  max_upload_bytes bigint,
  CONSTRAINT organizations_pkey PRIMARY KEY (organization_id),
  CONSTRAINT organizations_max_artifacts_check CHECK ((max_artifacts > 0)),
  CONSTRAINT organizations_max_bytes_check CHECK ((max_bytes > 0)),
  CONSTRAINT organizations_max_upload_bytes_check CHECK ((max_upload_bytes > 0))
);
GRANT DELETE, INSERT, SELECT, UPDATE ON storage.organizations TO cloudscan_storage;
COMMENT ON COLUMN storage.organizations.used_bytes IS 'the sum of size_bytes over its artifacts, those being deleted included';
COMMENT ON COLUMN storage.organizations.max_bytes IS 'null: the default of the service';
COMMENT ON COLUMN storage.organizations.max_artifacts IS 'null: the default of the service';
COMMENT ON COLUMN storage.organizations.max_upload_bytes IS 'null: the default of the service';
