import type { BuiltinFinding } from '../builtin/protocol.ts';
import { fingerprintOf } from '../source/fingerprint.ts';

const ruleId = 'lock-file-not-read';

/** That a lock file could not be read whole: an `info` finding, so that a clean result never hides what was not looked at. */
export function lockFileFinding(filePath: string, warning: string): BuiltinFinding {
  return {
    ruleId,
    severity: 'info',
    title: warning.slice(0, 500),
    description: `${warning}. What stands there was not checked.`,
    filePath,
    startLine: 1,
    remediation: 'Regenerate the lock file with its package manager, or pin what is open in it.',
    fingerprint: fingerprintOf({ ruleId, filePath, text: warning, occurrence: 0 }),
  };
}
