import { errorCode, orchestratorRoles, sqlStates } from '@cloudscan/database';
import type { Secret } from '@cloudscan/config';
import pg from 'pg';
import type { Client } from 'pg';

/**
 * The roles that processes work as. None of them can log in: a login is a member of what it needs and takes the role inside
 * its transactions.
 */
export const groupRoles = {
  ...orchestratorRoles,
  /** The storage service's schema. */
  storage: 'cloudscan_storage',
} as const;

export interface Login {
  readonly user: string;
  readonly password: Secret;
}

/** Roles belong to the whole cluster, so the migrations of two databases may make them at the same moment. */
export async function ensureGroupRoles(client: Client): Promise<void> {
  for (const role of Object.values(groupRoles)) await ensureRole(client, role, 'NOLOGIN');
}

/**
 * Makes a login, or gives the one that is there this password, and makes it a member of `groups`. NOINHERIT: it has a
 * group's rights only where it takes the group's role.
 */
export async function ensureLogin(client: Client, login: Login, groups: readonly string[]): Promise<void> {
  const attributes = `LOGIN NOINHERIT PASSWORD ${pg.escapeLiteral(login.password.reveal())}`;
  const user = pg.escapeIdentifier(login.user);
  await ensureRole(client, login.user, attributes);
  await retryRaces(() => client.query(`ALTER ROLE ${user} ${attributes}`));
  for (const group of groups) await retryRaces(() => client.query(`GRANT ${group} TO ${user}`));
}

async function ensureRole(client: Client, name: string, attributes: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  if (rowCount !== 0) return;
  try {
    await client.query(`CREATE ROLE ${pg.escapeIdentifier(name)} ${attributes}`);
  } catch (error) {
    if (!isLostRace(error)) throw error;
  }
}

/**
 * Two sessions that change the same role at once: PostgreSQL answers `tuple concurrently updated` (XX000) to one of them, or
 * a violation of its own catalog's index.
 */
async function retryRaces(work: () => Promise<unknown>): Promise<void> {
  for (let left = 10; ; left -= 1) {
    try {
      await work();
      return;
    } catch (error) {
      const code = errorCode(error);
      if (left === 0 || (code !== 'XX000' && code !== sqlStates.uniqueViolation)) throw error;
    }
  }
}

/** Another session made the role between the look and the CREATE: `duplicate_object`, or the catalog's index. */
function isLostRace(error: unknown): boolean {
  const code = errorCode(error);
  return code === sqlStates.uniqueViolation || code === '42710';
}
