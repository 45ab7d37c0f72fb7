import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ImplementationFn, TestFn } from 'ava';

/** What a machine may lack. Of stores and Redis the server on PATH, or Docker, which can run it. `script`: util-linux, for a terminal. */
export type TestService =
  | 'actionlint'
  | 'azurite'
  | 'docker'
  | 'fake-gcs-server'
  | 'git'
  | 'gitleaks'
  | 'helm'
  | 'kubectl'
  | 'kubernetes-validate'
  | 'minio'
  | 'openssl'
  | 'ps'
  | 'psql'
  | 'redis'
  | 'scancode'
  | 'script'
  | 'semgrep'
  | 'trivy'
  | 'trufflehog';

/** Servers that Docker can run where the program is not on PATH. */
const programs = { azurite: 'azurite-blob', 'fake-gcs-server': 'fake-gcs-server', minio: 'minio', redis: 'redis-server' } as const;

/** Null when the service is there, otherwise why it is not. */
export function missing(service: TestService): string | null {
  switch (service) {
    case 'docker':
      return existsSync('/var/run/docker.sock') || process.env['DOCKER_HOST'] !== undefined ? null : 'no Docker daemon';
    case 'azurite':
    case 'fake-gcs-server':
    case 'minio':
    case 'redis':
      return findOnPath(programs[service]) === null && missing('docker') !== null
        ? `neither ${programs[service]} on PATH nor Docker`
        : null;
    default:
      return findOnPath(service) === null ? `no ${service} on PATH` : null;
  }
}

/**
 * A `test` for tests that need something which a machine may lack. Without it they are skipped, with the reason in their
 * title; named in `REQUIRE_SERVICES` (comma-separated, or `all`), they fail instead. Its `before` does nothing then.
 */
export function requires<Context>(test: TestFn<Context>, ...services: readonly TestService[]): TestFn<Context> {
  const reasons = services.map(missing).filter((reason) => reason !== null);
  if (reasons.length === 0) return test;
  const reason = reasons.join(', ');
  return isRequired(services) ? failing(test, reason) : skipping(test, reason);
}

function isRequired(services: readonly TestService[]): boolean {
  const required = (process.env['REQUIRE_SERVICES'] ?? '').split(',').map((name) => name.trim());
  return required.includes('all') || services.some((service) => required.includes(service));
}

function skipping<Context>(test: TestFn<Context>, reason: string): TestFn<Context> {
  return retitled(test, reason, (title, implementation) => test.skip(title, implementation));
}

function failing<Context>(test: TestFn<Context>, reason: string): TestFn<Context> {
  return retitled(test, reason, (title) => test(title, (t) => t.fail(`REQUIRE_SERVICES asks for it: ${reason}`)));
}

function retitled<Context>(
  test: TestFn<Context>,
  reason: string,
  register: (title: string, implementation: ImplementationFn<[], Context>) => void,
): TestFn<Context> {
  const declare = (title: string, implementation: ImplementationFn<[], Context>): void => register(`${title} [${reason}]`, implementation);
  return Object.assign(declare, { serial: declare, before: () => undefined }) as unknown as TestFn<Context>;
}

/** The path of a program, or null. */
export function findOnPath(program: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? null;
}
