import { clientConfig, resolveTls } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';
import pg from 'pg';
import type { Client } from 'pg';

/** Ours, without knex's own tables. The queues' schema is pg-boss's. */
const schemas = ['public', 'storage'];
const bookkeeping = ['migrations', 'migrations_lock'];

/**
 * The schema as SQL, from the catalogs, in an order that depends on names alone: functions, then tables with everything that
 * belongs to them. The dated partitions and who owns what are left out. The same on every supported version of PostgreSQL.
 */
export async function dumpSchema(config: DatabaseConfig): Promise<string> {
  const client = new pg.Client(clientConfig(config, await resolveTls(config), 'cloudscan-schema-dump'));
  await client.connect();
  try {
    // Names of other schemas than these are always written out, whatever the login's own path is.
    await client.query('SET search_path = public');
    const functions = await lines(client, functionsQuery, [schemas]);
    const tables = await client.query<TableRow>(tablesQuery, [schemas, bookkeeping]);
    const parts = [functions.join('\n\n')];
    for (const table of tables.rows) parts.push(await dumpTable(client, table));
    return `${parts.join('\n\n')}\n`;
  } finally {
    await client.end();
  }
}

interface TableRow {
  readonly oid: number;
  readonly name: string;
  readonly partitioning: string | null;
  readonly options: string | null;
}

const functionsQuery = `
  SELECT trim(trailing E'\\n' FROM pg_get_functiondef(p.oid)) || ';' || coalesce(E'\\n' || (
      SELECT string_agg(format('GRANT %s ON FUNCTION %s TO %s;', privilege_type, p.oid::regprocedure, coalesce(rolname, 'PUBLIC')), E'\\n' ORDER BY rolname NULLS FIRST)
      FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) LEFT JOIN pg_roles ON pg_roles.oid = grantee
      WHERE grantee <> p.proowner
    ), '') AS line
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = ANY($1)
  ORDER BY n.nspname, p.proname, p.oid::regprocedure::text`;

const tablesQuery = `
  SELECT c.oid::integer AS oid, c.oid::regclass::text AS name, pg_get_partkeydef(c.oid) AS partitioning, array_to_string(c.reloptions, ', ') AS options
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relname = ANY($2)
  ORDER BY n.nspname, c.relname`;

const columnsQuery = `
  SELECT concat_ws(' ', quote_ident(attname), format_type(atttypid, atttypmod),
    CASE WHEN attcollation <> typcollation THEN 'COLLATE ' || attcollation::regcollation END,
    CASE WHEN attgenerated = 's' THEN format('GENERATED ALWAYS AS (%s) STORED', pg_get_expr(adbin, adrelid))
         WHEN adbin IS NOT NULL THEN 'DEFAULT ' || pg_get_expr(adbin, adrelid) END,
    CASE WHEN attidentity <> '' THEN 'GENERATED AS IDENTITY' END,
    CASE WHEN attnotnull THEN 'NOT NULL' END) AS line
  FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
  ORDER BY attnum`;

// PostgreSQL 18 lists NOT NULL here too; the columns have said it.
const constraintsQuery = `
  SELECT format('CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS line
  FROM pg_constraint WHERE conrelid = $1 AND contype IN ('p', 'u', 'c', 'f', 'x') ORDER BY contype = 'p' DESC, conname`;

const afterTableQueries = [
  // Indexes, except those that constraints made.
  `SELECT pg_get_indexdef(indexrelid) || ';' AS line FROM pg_index
   WHERE indrelid = $1 AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = $1) ORDER BY indexrelid::regclass::text`,
  `SELECT pg_get_triggerdef(oid) || ';' AS line FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname`,
  `SELECT format('ALTER TABLE %s %s ROW LEVEL SECURITY;', oid::regclass, unnest(ARRAY[CASE WHEN relrowsecurity THEN 'ENABLE' END, CASE WHEN relforcerowsecurity THEN 'FORCE' END])) AS line
   FROM pg_class WHERE oid = $1 AND relrowsecurity`,
  `SELECT format('CREATE POLICY %I ON %s FOR %s TO %s', polname, polrelid::regclass,
       CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
       (SELECT string_agg(role, ', ' ORDER BY role) FROM (SELECT coalesce(rolname, 'PUBLIC') AS role FROM unnest(polroles) AS member LEFT JOIN pg_roles ON pg_roles.oid = member) AS named))
     || coalesce(' USING (' || pg_get_expr(polqual, polrelid) || ')', '') || coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '') || ';' AS line
   FROM pg_policy WHERE polrelid = $1 ORDER BY polname`,
  `SELECT format('GRANT %s ON %s TO %s;', string_agg(privilege_type, ', ' ORDER BY privilege_type), pg_class.oid::regclass, coalesce(rolname, 'PUBLIC')) AS line
   FROM pg_class, aclexplode(relacl) LEFT JOIN pg_roles ON pg_roles.oid = grantee
   WHERE pg_class.oid = $1 AND grantee <> relowner GROUP BY pg_class.oid, rolname ORDER BY rolname NULLS FIRST`,
  `SELECT format('COMMENT ON COLUMN %s.%I IS %L;', $1::oid::regclass, attname, col_description($1, attnum)) AS line
   FROM pg_attribute WHERE attrelid = $1 AND col_description($1, attnum) IS NOT NULL ORDER BY attnum`,
];

async function dumpTable(client: Client, { oid, name, partitioning, options }: TableRow): Promise<string> {
  const members = [...(await lines(client, columnsQuery, [oid])), ...(await lines(client, constraintsQuery, [oid]))];
  const suffix = [partitioning === null ? '' : ` PARTITION BY ${partitioning}`, options === null ? '' : ` WITH (${options})`].join('');
  const text = [`CREATE TABLE ${name} (\n${members.map((member) => `  ${member}`).join(',\n')}\n)${suffix};`];
  for (const query of afterTableQueries) text.push(...(await lines(client, query, [oid])));
  return text.join('\n');
}

async function lines(client: Client, query: string, values: readonly unknown[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ line: string | null }>(query, [...values]);
  return rows.flatMap(({ line }) => line ?? []);
}
