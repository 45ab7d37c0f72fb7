export type { ScanContext, Scanner, ScannerOutcome, ScannerVersion } from './scanner.ts';
