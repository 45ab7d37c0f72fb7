export { readDeclaredScanners } from '@cloudscan/config';
export type { DeclaredScanner } from '@cloudscan/config';
