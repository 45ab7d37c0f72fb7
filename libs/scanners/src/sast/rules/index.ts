import type { SastRule } from '../rule.ts';
import { goInjectionRules } from './go-injection.ts';
import { goPlatformRules } from './go-platform.ts';
import { javaInjectionRules } from './java-injection.ts';
import { javaPlatformRules } from './java-platform.ts';
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
