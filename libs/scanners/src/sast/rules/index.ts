import type { SastRule } from '../rule.ts';
import { goInjectionRules, goPlatformRules } from './go.ts';
import { javaInjectionRules, javaPlatformRules } from './java.ts';
import { javascriptInjectionRules } from './javascript-injection.ts';
import { javascriptPlatformRules } from './javascript-platform.ts';
import { pythonInjectionRules } from './python-injection.ts';
import { pythonPlatformRules } from './python-platform.ts';

/** Every rule of the built-in pack. */
export const sastRules: readonly SastRule[] = [
  ...javascriptInjectionRules,
  ...javascriptPlatformRules,
  ...pythonInjectionRules,
  ...pythonPlatformRules,
  ...javaInjectionRules,
  ...javaPlatformRules,
  ...goInjectionRules,
  ...goPlatformRules,
];
