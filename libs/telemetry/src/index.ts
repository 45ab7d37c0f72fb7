export { createLogger, logLevels, readLogLevel, silentLogger } from './logger.ts';
export type { Logger, LogLevel } from './logger.ts';
export { Counter, createMetricsRegistry, Gauge, Histogram } from './metrics.ts';
export type { Registry } from './metrics.ts';
export { redacted, redactSecrets } from './redact.ts';
export { PatternIndex, secretPatterns, secretRange } from './secret-patterns.ts';
export type { SecretPattern } from './secret-patterns.ts';
