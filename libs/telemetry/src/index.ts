export { createLogger, logLevels, readLogLevel, silentLogger } from './logger.ts';
export type { Logger, LogLevel } from './logger.ts';
export { Counter, createMetricsRegistry, Gauge, Histogram } from './metrics.ts';
export type { Registry } from './metrics.ts';
