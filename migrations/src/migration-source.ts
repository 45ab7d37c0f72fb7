import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';

const fileName = /^(\d{14}-[a-z0-9]+(?:-[a-z0-9]+)*)\.(?:ts|js)$/;

/**
 * The migrations of one folder beside this file, in the order of their stamps. They are recorded without their ending, so
 * that a database which the sources migrated is the same to the build.
 */
export class FolderMigrationSource implements Knex.MigrationSource<string> {
  readonly #folder: string;

  constructor(folder: 'orchestrator' | 'storage') {
    this.#folder = folder;
  }

  async getMigrations(): Promise<string[]> {
    const files = await readdir(join(import.meta.dirname, this.#folder));
    return files.flatMap((file) => fileName.exec(file)?.[1] ?? []).sort();
  }

  getMigrationName(migration: string): string {
    return migration;
  }

  async getMigration(migration: string): Promise<Knex.Migration> {
    const ending = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
    return (await import(`./${this.#folder}/${migration}.${ending}`)) as Knex.Migration;
  }
}
