import type { StackFile } from '@cloudscan/process';

/** Where things listen, where the data lies, and how to stop. */
export function statusTable(stack: StackFile, dataDir: string): string {
  const rows: readonly (readonly [string, string])[] = [
    ['gRPC API', stack.grpc],
    ['health, metrics', `http://${stack.http}/ready`],
    ['storage', `${stack.storage} (gRPC), http://${stack.storageHttp} (uploads)`],
    ['PostgreSQL', `127.0.0.1:${stack.databasePort}`],
    ['data, logs', dataDir],
    ['stop', stack.onDemand ? 'by itself, with its last client' : 'Ctrl-C, or npm run stop'],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `CloudScan ${stack.version} is up (process ${stack.process.pid})`,
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
  ].join('\n');
}
