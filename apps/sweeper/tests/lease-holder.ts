import { Secret } from '@cloudscan/config';
import { Lease, lockIds } from '@cloudscan/database';
import type { DatabaseConfig } from '@cloudscan/database';

/*
 * A process of its own that takes the lease and keeps it, for a test that freezes or kills it. Its argument is the database's
 * configuration with the password in the clear. Says `held` or `lost` whenever that changes.
 */
const { expiresMs, password, ...config } = JSON.parse(process.argv[2]!) as Omit<DatabaseConfig, 'password'> & {
  readonly password: string;
  readonly expiresMs: number;
};
const lease = new Lease(
  { ...config, password: new Secret(password) },
  { applicationName: 'lease-holder', lockId: lockIds.sweeper, expiresMs },
);
let said = false;
setInterval(() => {
  void lease
    .hold()
    .catch(() => false)
    .finally(say);
}, expiresMs / 4);
setInterval(say, 10);

function say(): void {
  if (lease.isHeld === said) return;
  said = lease.isHeld;
  process.stdout.write(said ? 'held\n' : 'lost\n');
}
