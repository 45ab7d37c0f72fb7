import type { EnvReader } from '@cloudscan/config';
import { readGitleaksSettings } from './gitleaks/settings.ts';
import type { GitleaksSettings } from './gitleaks/settings.ts';
import { readSecretHashKey } from '../secrets/settings.ts';
import { readScancodeSettings } from './scancode/settings.ts';
import type { ScancodeSettings } from './scancode/settings.ts';
import { readSemgrepSettings } from './semgrep/settings.ts';
import type { SemgrepSettings } from './semgrep/settings.ts';
import { readToolEnvironment } from './tool-environment.ts';
import type { ToolEnvironment } from './tool-environment.ts';
import { readTrivySettings } from './trivy/settings.ts';
import type { TrivySettings } from './trivy/settings.ts';
import { readTrufflehogSettings } from './trufflehog/settings.ts';
import type { TrufflehogSettings } from './trufflehog/settings.ts';

/** What a configuration says about installed tools, a section for each. */
export interface ExternalSettings {
  readonly environment: ToolEnvironment;
  /** The key of the keyed hashes that tell equal secrets. */
  readonly secretHashKey: string;
  readonly semgrep: SemgrepSettings;
  readonly gitleaks: GitleaksSettings;
  readonly trivy: TrivySettings;
  readonly trufflehog: TrufflehogSettings;
  readonly scancode: ScancodeSettings;
}

export function readExternalSettings(env: EnvReader): ExternalSettings {
  return {
    environment: readToolEnvironment(env),
    secretHashKey: readSecretHashKey(env),
    semgrep: readSemgrepSettings(env),
    gitleaks: readGitleaksSettings(env),
    trivy: readTrivySettings(env),
    trufflehog: readTrufflehogSettings(env),
    scancode: readScancodeSettings(env),
  };
}
