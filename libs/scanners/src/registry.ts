import type { EnvReader } from '@cloudscan/config';
import type { ScanType } from '@cloudscan/domain';
import { builtinScanner } from './builtin/builtin-scanner.ts';
import type { BuiltinScannerSpec } from './builtin/builtin-scanner.ts';
import { findExecutable, missingScanner } from './external/external-scanner.ts';
import type { ExternalScannerFactory } from './external/external-scanner.ts';
import { gitleaks } from './external/gitleaks/gitleaks.ts';
import { scancode } from './external/scancode/scancode.ts';
import { semgrep } from './external/semgrep/semgrep.ts';
import type { ExternalSettings } from './external/settings.ts';
import { trivy } from './external/trivy/trivy.ts';
import { trufflehog } from './external/trufflehog/trufflehog.ts';
import type { Scanner } from './scanner.ts';

/** What a configuration may say about one built-in scanner. */
export type BuiltinSettings = Pick<BuiltinScannerSpec, 'options' | 'env' | 'memoryLimitMb'>;

export interface ScannersConfig {
  /** The machine's PATH; empty looks for no installed tool. */
  readonly searchPath: string;
  readonly builtin?: Partial<Record<ScanType, BuiltinSettings>>;
  readonly external: ExternalSettings;
  /** Names of tools, see {@link readScannerChoice}. */
  readonly choice: readonly string[];
  /** Adapters of installed tools, the preferred first; {@link externalScanners} by default. */
  readonly factories?: readonly ExternalScannerFactory[];
}

/** The adapters of installed tools that this package brings; among those of a type, the preferred first. */
export const externalScanners: readonly ExternalScannerFactory[] = [semgrep, trivy, trufflehog, gitleaks, scancode];

const builtinScanners: Readonly<Record<ScanType, Pick<BuiltinScannerSpec, 'name' | 'module'>>> = {
  sast: { name: 'cloudscan-sast', module: 'sast/main' },
  sca: { name: 'cloudscan-sca', module: 'sca/main' },
  secrets: { name: 'cloudscan-secrets', module: 'secrets/main' },
  license: { name: 'cloudscan-license', module: 'license/main' },
};

/** In `SCANNERS`: no installed tool unless it is named too. */
const onlyBuiltin = 'builtin';

/**
 * `SCANNERS`, a comma-separated list of tools: those that a type's scan consists of. Where it names none of a type, the first installed one
 * is taken; `builtin` keeps to the built-in ones there.
 */
export function readScannerChoice(env: EnvReader): readonly string[] {
  const names = [onlyBuiltin, ...Object.values(builtinScanners), ...externalScanners].map((each) =>
    typeof each === 'string' ? each : each.name,
  );
  return env.list('SCANNERS', names, []);
}

/**
 * The scanners of each type, in the order asked for: the tools that were chosen, or else the first installed one that answers its probe, or
 * else the built-in one.
 */
export async function selectScanners(types: readonly ScanType[], config: ScannersConfig): Promise<Scanner[]> {
  const selected = await Promise.all([...new Set(types)].map((type) => scannersOf(type, config)));
  return selected.flat();
}

async function scannersOf(type: ScanType, config: ScannersConfig): Promise<Scanner[]> {
  const chosen = await chosenScanners(type, config);
  return chosen.length > 0 ? chosen : [(await installedScanner(type, config)) ?? builtinOf(type, config)];
}

/** Never another tool in the place of one that was chosen: whoever reads the results counts on it. */
function chosenScanners(type: ScanType, config: ScannersConfig): Promise<Scanner[]> {
  const installed = factoriesOf(type, config).filter(({ name }) => config.choice.includes(name));
  const builtin = config.choice.includes(builtinScanners[type].name) ? [builtinOf(type, config)] : [];
  return Promise.all([...installed.map(async (factory) => (await create(factory, config)) ?? missingScanner(factory)), ...builtin]);
}

async function installedScanner(type: ScanType, config: ScannersConfig): Promise<Scanner | null> {
  if (config.choice.includes(onlyBuiltin)) return null;
  for (const factory of factoriesOf(type, config)) {
    const scanner = await create(factory, config);
    if (scanner !== null && !('problem' in (await scanner.probe()))) return scanner;
  }
  return null;
}

function factoriesOf(type: ScanType, { factories = externalScanners }: ScannersConfig): readonly ExternalScannerFactory[] {
  return factories.filter(({ scanType }) => scanType === type);
}

/** Null when it is not installed. */
async function create(factory: ExternalScannerFactory, { searchPath, external }: ScannersConfig): Promise<Scanner | null> {
  const executable = await findExecutable(factory.command, searchPath);
  return executable === null ? null : factory.create(executable, external);
}

function builtinOf(type: ScanType, { builtin }: ScannersConfig): Scanner {
  return builtinScanner({ ...builtinScanners[type], scanType: type, ...builtin?.[type] });
}
