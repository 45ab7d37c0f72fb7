#!/bin/sh
# Makes the logins of the processes and the group roles that they are members of; the migrations make everything else. The
# postgres image runs it once, in a new database. An administrator may run it against any server, as a login with CREATEROLE:
# it changes no role that is there.
#
# POSTGRES_USER, POSTGRES_DB            who connects, and where (PGHOST and PGPASSWORD as psql reads them)
# ORCHESTRATOR_USER, STORAGE_USER       names of the logins; their passwords in ORCHESTRATOR_PASSWORD, STORAGE_PASSWORD
set -eu

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\getenv orchestrator ORCHESTRATOR_USER
\getenv orchestrator_password ORCHESTRATOR_PASSWORD
\getenv storage STORAGE_USER
\getenv storage_password STORAGE_PASSWORD

SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY['cloudscan_app', 'cloudscan_system', 'cloudscan_storage']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- NOINHERIT: a process takes the role that it needs, for the transaction that needs it.
SELECT format('CREATE ROLE %I LOGIN NOINHERIT PASSWORD %L IN ROLE %s', name, password, groups)
FROM (VALUES
  (:'orchestrator', :'orchestrator_password', 'cloudscan_app, cloudscan_system'),
  (:'storage', :'storage_password', 'cloudscan_storage')
) AS logins (name, password, groups)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
SQL
