import type { Knex } from 'knex';

/** What a cluster's API knows of a Job, for the runs of one machine: written by each run's supervisor, read by the sweeper. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE local_jobs (
      job_name text COLLATE "C" PRIMARY KEY,
      scan_id uuid NOT NULL,
      organization_id uuid NOT NULL,
      attempt integer NOT NULL CHECK (attempt > 0),
      phase text NOT NULL CHECK (phase IN ('pending', 'running', 'succeeded', 'failed')),
      supervisor_pid integer,
      supervisor_started_at text,
      runner_pid integer,
      runner_started_at text,
      work_dir text NOT NULL,
      exit_code integer,
      signal text,
      condition text,
      log_tail text CHECK (char_length(log_tail) <= 100000),
      cancel_requested boolean NOT NULL DEFAULT false,
      created_at timestamptz NOT NULL,
      started_at timestamptz,
      ended_at timestamptz,
      CHECK ((supervisor_pid IS NULL) = (supervisor_started_at IS NULL)),
      CHECK ((runner_pid IS NULL) = (runner_started_at IS NULL)),
      CHECK ((ended_at IS NOT NULL) = (phase IN ('succeeded', 'failed')))
    );

    ALTER TABLE local_jobs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE local_jobs FORCE ROW LEVEL SECURITY;
    CREATE POLICY system ON local_jobs TO cloudscan_system USING (true);
    GRANT SELECT, INSERT, UPDATE, DELETE ON local_jobs TO cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE local_jobs');
}
