import { ConfigError } from '@cloudscan/config';
import { DomainError } from '@cloudscan/domain';
import { AttestationError } from '@cloudscan/provenance';
import { exitCodes, UsageError } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';

/** What the user is told, and the exit code. Only bugs show a stack. */
export function describeError(error: unknown): { readonly message: string; readonly exitCode: ExitCode } {
  if (error instanceof UsageError || error instanceof ConfigError) return { message: error.message, exitCode: exitCodes.usage };
  if (error instanceof AttestationError) return { message: `not verified: ${error.message}`, exitCode: exitCodes.notVerified };
  if (error instanceof DomainError) return describeDomainError(error);
  if (error instanceof Error && error.name === 'AbortError') return { message: 'cancelled', exitCode: exitCodes.scanFailed };
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode: exitCodes.scanFailed };
}

function describeDomainError(error: DomainError): { readonly message: string; readonly exitCode: ExitCode } {
  switch (error.code) {
    case 'unavailable':
    case 'deadline_exceeded':
      return {
        message: `the server does not answer: ${error.message}; start one with npm start, or name one with --server`,
        exitCode: exitCodes.usage,
      };
    case 'unauthenticated':
    case 'permission_denied':
      return { message: `${error.message}; give a valid token by CLOUDSCAN_TOKEN`, exitCode: exitCodes.usage };
    case 'invalid_argument':
    case 'not_found':
    case 'already_exists':
    case 'failed_precondition':
      return { message: error.message, exitCode: exitCodes.usage };
    case 'resource_exhausted':
    case 'cancelled':
    case 'unimplemented':
    case 'internal':
      return { message: error.message, exitCode: exitCodes.scanFailed };
  }
}
