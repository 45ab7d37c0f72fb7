import type { Principal } from './principal.ts';

/** Opens one organization's rows and nothing else. Only this library makes one. */
class OrganizationScope {
  readonly #organizationId: string;

  private constructor(organizationId: string) {
    this.#organizationId = organizationId;
  }

  get kind(): 'organization' {
    return 'organization';
  }

  get organizationId(): string {
    return this.#organizationId;
  }

  static of(organizationId: string): OrganizationScope {
    return new OrganizationScope(organizationId);
  }
}

/** Opens every organization's rows: for admission, sweeper and cleaner. Only this library makes one. */
class SystemScope {
  readonly #purpose: string;

  private constructor(purpose: string) {
    this.#purpose = purpose;
  }

  get kind(): 'system' {
    return 'system';
  }

  /** Why the whole system is opened; shown in logs and in `application_name`. */
  get purpose(): string {
    return this.#purpose;
  }

  static for(purpose: string): SystemScope {
    return new SystemScope(purpose);
  }
}

export type { OrganizationScope, SystemScope };
export type Scope = OrganizationScope | SystemScope;

/** The organization that a principal acts in. */
export function scopeOf(principal: Principal): OrganizationScope {
  return OrganizationScope.of(principal.organizationId);
}

/** @param purpose the process or task that needs it, for example `sweeper` */
export function systemScope(purpose: string): SystemScope {
  return SystemScope.for(purpose);
}
