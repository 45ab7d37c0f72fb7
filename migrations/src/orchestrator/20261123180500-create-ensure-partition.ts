import type { Knex } from 'knex';

/*
 * CREATE TABLE … LIKE and then ATTACH takes SHARE UPDATE EXCLUSIVE on the parent, under which reads and writes go on;
 * CREATE TABLE … PARTITION OF would take ACCESS EXCLUSIVE. The lock id is lockIds.partitions of libs/database.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE FUNCTION ensure_partition(month date) RETURNS text[]
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
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
    $$;
    REVOKE ALL ON FUNCTION ensure_partition(date) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION ensure_partition(date) TO cloudscan_system;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP FUNCTION ensure_partition(date)');
}
