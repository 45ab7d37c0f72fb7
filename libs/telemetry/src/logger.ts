import { pino } from 'pino';
import type { EnvReader } from '@cloudscan/config';

/** One JSON line per event. The first argument holds the fields, the second says what happened. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export function readLogLevel(env: EnvReader): LogLevel {
  return env.oneOf('LOG_LEVEL', logLevels, 'info');
}

/**
 * Writes to standard error, so that standard output belongs to results. URLs lose their query, which is where a presigned
 * URL carries its signature; fields named like credentials are removed.
 *
 * @param service `service.name` of OpenTelemetry's resource conventions
 */
export function createLogger(service: string, level: LogLevel): Logger {
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths, censor: '[secret]' },
      serializers: { error: serializeError, err: serializeError },
      hooks: {
        streamWrite: (line) => line.replace(urlQuery, '$1?[secret]'),
      },
    },
    pino.destination({ dest: 2, sync: false, minLength: 0 }),
  );
}

const urlQuery = /(https?:\/\/[^\s"'?]+)\?[^\s"']+/g;
const credentialNames = ['password', 'token', 'secret', 'authorization', 'uploadUrl', 'downloadUrl', 'signature'];
const redactedPaths = credentialNames.flatMap((name) => [name, `*.${name}`]);

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  };
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
