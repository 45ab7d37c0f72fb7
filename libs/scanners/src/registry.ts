import type { ScanType } from '@cloudscan/domain';
import { builtinScanner } from './builtin/builtin-scanner.ts';
import type { BuiltinScannerSpec } from './builtin/builtin-scanner.ts';
import { findExecutable } from './external-scanner.ts';
import type { ExternalScannerFactory } from './external-scanner.ts';
import type { Scanner } from './scanner.ts';

/** What a configuration may say about one built-in scanner. */
export type BuiltinSettings = Pick<BuiltinScannerSpec, 'options' | 'env' | 'memoryLimitMb'>;

export interface ScannersConfig {
  /** The machine's PATH; empty looks for no installed tool. */
  readonly searchPath: string;
  readonly builtin?: Partial<Record<ScanType, BuiltinSettings>>;
  /** Adapters of installed tools, the preferred first; {@link externalScanners} by default. */
  readonly external?: readonly ExternalScannerFactory[];
}

/** The adapters of installed tools that this package brings. */
export const externalScanners: readonly ExternalScannerFactory[] = [];

const builtinScanners: Readonly<Record<ScanType, Pick<BuiltinScannerSpec, 'name' | 'module'>>> = {
  sast: { name: 'cloudscan-sast', module: 'sast/main' },
  sca: { name: 'cloudscan-sca', module: 'sca/main' },
  secrets: { name: 'cloudscan-secrets', module: 'secrets/main' },
  license: { name: 'cloudscan-license', module: 'license/main' },
};

/** One scanner for each type, in the order asked for: the first installed tool that answers its probe, or else the built-in one. */
export function selectScanners(types: readonly ScanType[], config: ScannersConfig): Promise<Scanner[]> {
  return Promise.all([...new Set(types)].map(async (type) => (await installedScanner(type, config)) ?? builtinOf(type, config)));
}

async function installedScanner(type: ScanType, { searchPath, external = externalScanners }: ScannersConfig): Promise<Scanner | null> {
  for (const factory of external.filter(({ scanType }) => scanType === type)) {
    const executable = await findExecutable(factory.command, searchPath);
    if (executable === null) continue;
    const scanner = factory.create(executable);
    if (!('problem' in (await scanner.probe()))) return scanner;
  }
  return null;
}

function builtinOf(type: ScanType, { builtin }: ScannersConfig): Scanner {
  return builtinScanner({ ...builtinScanners[type], scanType: type, ...builtin?.[type] });
}
