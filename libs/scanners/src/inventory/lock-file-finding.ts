import { createHash } from 'node:crypto';
import type { BuiltinFinding } from '../builtin/protocol.ts';

/** That a lock file could not be read whole: an `info` finding, so that a clean result never hides what was not looked at. */
export function lockFileFinding(tool: string, filePath: string, warning: string): BuiltinFinding {
  return {
    ruleId: 'lock-file-not-read',
    severity: 'info',
    title: warning.slice(0, 500),
    description: `${warning}. What stands there was not checked.`,
    filePath,
    startLine: 1,
    remediation: 'Regenerate the lock file with its package manager, or pin what is open in it.',
    fingerprint: createHash('sha256')
      .update(JSON.stringify([tool, 'lock-file-not-read', filePath, warning]))
      .digest('hex'),
  };
}
