import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { DatabaseConfig } from '@cloudscan/database';
import { from, to } from 'pg-copy-streams';
import { withAdmin } from './admin.ts';

/**
 * Writes what a query gives to a file, as COPY has it.
 *
 * @param query a table or, in parentheses, a SELECT
 * @returns how many rows
 */
export async function copyToFile(config: DatabaseConfig, query: string, path: string): Promise<number> {
  return withAdmin(config, async (client) => {
    const rows = client.query(to(`COPY ${query} TO STDOUT`));
    await pipeline(rows, createWriteStream(path));
    return rows.rowCount;
  });
}

/**
 * Adds the rows of a file that {@link copyToFile} wrote to a table: one stream of one connection.
 *
 * @returns how many rows
 */
export async function copyFromFile(config: DatabaseConfig, table: string, path: string): Promise<number> {
  return withAdmin(config, async (client) => {
    const rows = client.query(from(`COPY ${table} FROM STDIN`));
    await pipeline(createReadStream(path, { highWaterMark: 256 * 1024 }), rows);
    return rows.rowCount;
  });
}
