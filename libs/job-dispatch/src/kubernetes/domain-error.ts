import { DomainError } from '@cloudscan/domain';
import { ApiError, isTransient } from './api-error.ts';

/** A call as RBAC names it. */
export interface ApiCall {
  readonly verb: 'create' | 'get' | 'list' | 'watch' | 'patch' | 'delete';
  /** With its subresource, such as `pods/log`. */
  readonly resource: string;
  readonly namespace: string;
}

/**
 * What a failed call means to a use case. `unavailable`: a later try can succeed. `resource_exhausted`: a quota of the
 * namespace. `internal`: whoever runs the system has to do something, so a later try may succeed too. `invalid_argument`: the
 * same object is never accepted. The server's own words, which may name hosts, stay in the cause.
 */
export function domainErrorOf(error: unknown, call: ApiCall): unknown {
  if (isTransient(error)) return unavailableFor(error);
  if (!(error instanceof ApiError)) return error;
  const { verb, resource, namespace } = call;
  const causes = error.status.details?.causes ?? [];
  switch (error.code) {
    case 400:
    case 413:
    case 422: {
      const fields = causes.flatMap(({ field }) => field ?? []).join(', ');
      return new DomainError('invalid_argument', `the Kubernetes API refused ${resource} as invalid${fields && `: ${fields}`}`, {
        cause: error,
      });
    }
    case 403:
      if (isQuota(error)) {
        return new DomainError('resource_exhausted', `a quota of the namespace ${namespace} leaves no room for ${resource}`, {
          cause: error,
        });
      }
      if (causes.some(({ reason }) => reason === 'NamespaceTerminating'))
        return internal(`the namespace ${namespace} is being deleted`, error);
      return internal(`the Kubernetes API forbids to ${verb} ${resource} in the namespace ${namespace}; its Role has to allow it`, error);
    case 404:
      return internal(`the namespace ${namespace} does not exist; create it or set KUBE_NAMESPACE to another`, error);
    // A listing that took longer than the server keeps its version.
    case 410:
      return unavailableFor(error);
    default:
      return internal(`the Kubernetes API answered ${error.code} when asked to ${verb} ${resource}`, error);
  }
}

/** The server says so in words alone: its reason is that of every other refusal. */
function isQuota({ status }: ApiError): boolean {
  return status.message?.includes('exceeded quota') === true;
}

function unavailableFor(error: unknown): DomainError {
  const retryAfterMs = error instanceof ApiError ? error.retryAfterMs : undefined;
  return new DomainError('unavailable', 'the Kubernetes API is not available; try again', {
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function internal(message: string, cause: ApiError): DomainError {
  return new DomainError('internal', message, { cause });
}
