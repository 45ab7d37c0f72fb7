export type { ScanContext, Scanner, ScannerOutcome, ScannerProblem, ScannerVersion } from './scanner.ts';
export type { ExternalScannerFactory } from './external/external-scanner.ts';
export { readExternalSettings } from './external/settings.ts';
export type { ExternalSettings } from './external/settings.ts';
export { externalScanners, readScannerChoice, selectScanners } from './registry.ts';
export type { BuiltinSettings, ScannersConfig } from './registry.ts';
export { readLicenseSettings } from './license/settings.ts';
export { readScaSettings } from './sca/settings.ts';
export { readSecretsSettings } from './secrets/settings.ts';
