export { AttestationError } from './attestation-error.ts';
export { envelopeMediaType, openEnvelope, sealEnvelope } from './dsse.ts';
export { formatVerificationKey, parseSigningKey, parseVerificationKeys } from './keys.ts';
export type { SigningKey, VerificationKey } from './keys.ts';
export { isSubject, readScanStatement, scanPredicateType, scanStatement, statementPayloadType } from './scan-statement.ts';
export type { ScanFacts, ScanPredicate, ScanStatement } from './scan-statement.ts';
