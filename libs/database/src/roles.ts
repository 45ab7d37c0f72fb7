import type { DatabaseRoles } from './database.ts';

/** The roles that the orchestrator's scopes work as, as the migrations make them. */
export const orchestratorRoles: DatabaseRoles = { organization: 'cloudscan_app', system: 'cloudscan_system' };
