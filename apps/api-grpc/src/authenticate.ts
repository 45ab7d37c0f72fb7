import { scopeOf, systemScope } from '@cloudscan/auth';
import type { OrganizationScope, SystemScope } from '@cloudscan/auth';
import { LruMap } from '@cloudscan/cache';
import { isUuid } from '@cloudscan/domain';
import type { CallContext } from '@cloudscan/grpc';
import type { Caller, StorageClient, SystemCaller, SystemScanRepository } from '@cloudscan/orchestration';

const anonymous = 'anonymous';
/** Things whose organization is remembered. */
const capacity = 20_000;
/**
 * The organization of what nobody has, and of ids that are none: it has nothing (RFC 9562 section 5.9, the nil UUID). So a use
 * case judges the request first, and then finds nothing, just as with what belongs to somebody else.
 */
const nobody = scopeOf({ organizationId: '00000000-0000-0000-0000-000000000000', actor: anonymous });

/**
 * Says who calls. With `AUTH_MODE=disabled`, the only mode there is, everybody is let in, and the organization is the one
 * that the request names or that has the thing it names. What has which organization never changes, so it is remembered;
 * that something was deleted since, its repository finds out.
 */
export class Authenticator {
  readonly #scans: Pick<SystemScanRepository, 'organizationOfScan' | 'organizationOfProject'>;
  readonly #storage: Pick<StorageClient, 'getArtifact'>;
  readonly #scope: SystemScope = systemScope('authenticate');
  readonly #known = new LruMap<string, OrganizationScope>(capacity);

  constructor(
    scans: Pick<SystemScanRepository, 'organizationOfScan' | 'organizationOfProject'>,
    storage: Pick<StorageClient, 'getArtifact'>,
  ) {
    this.#scans = scans;
    this.#storage = storage;
  }

  /** Whoever administers organizations. */
  system({ signal }: CallContext): SystemCaller {
    return { scope: this.#scope, actor: anonymous, signal };
  }

  /** @param userId as the request claims it */
  member({ signal }: CallContext, organizationId: string, userId = ''): Caller {
    const actor = userId || anonymous;
    return { scope: isUuid(organizationId) ? scopeOf({ organizationId, actor }) : nobody, actor, signal };
  }

  async memberOfProject(context: CallContext, projectId: string): Promise<Caller> {
    return this.#memberOf(context, projectId, (id) => this.#scans.organizationOfProject(this.#scope, id));
  }

  async memberOfScan(context: CallContext, scanId: string): Promise<Caller> {
    return this.#memberOf(context, scanId, (id) => this.#scans.organizationOfScan(this.#scope, id));
  }

  async memberOfArtifact(context: CallContext, artifactId: string): Promise<Caller> {
    return this.#memberOf(context, artifactId, async (id) => {
      const found = await this.#storage.getArtifact(this.#scope, id);
      return found?.artifact.organizationId ?? null;
    });
  }

  async runnerOfScan(context: CallContext, scanId: string): Promise<Caller> {
    return { ...(await this.memberOfScan(context, scanId)), actor: 'runner' };
  }

  async #memberOf({ signal }: CallContext, id: string, lookUp: (id: string) => Promise<string | null>): Promise<Caller> {
    const scope = this.#known.get(id) ?? (isUuid(id) ? await this.#lookUpScope(id, lookUp) : nobody);
    return { scope, actor: anonymous, signal };
  }

  async #lookUpScope(id: string, lookUp: (id: string) => Promise<string | null>): Promise<OrganizationScope> {
    const organizationId = await lookUp(id);
    if (organizationId === null) return nobody;
    const scope = scopeOf({ organizationId, actor: anonymous });
    this.#known.set(id, scope);
    return scope;
  }
}
