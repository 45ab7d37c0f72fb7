import type { OrganizationScope } from '@cloudscan/auth';
import type { Transaction } from '@cloudscan/database';

/** A shared lock: the project cannot be deleted before what is made for it is there to be seen. False when there is none. */
export async function lockProject(transaction: Transaction, { organizationId }: OrganizationScope, projectId: string): Promise<boolean> {
  const { rowCount } = await transaction.query(
    { name: 'lock-project', text: 'SELECT FROM projects WHERE id = $1 AND organization_id = $2 FOR KEY SHARE' },
    [projectId, organizationId],
  );
  return rowCount === 1;
}
