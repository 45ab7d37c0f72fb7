import type { DeclaredScanner, EnvReader } from '@cloudscan/config';
import type { ScanType } from '@cloudscan/domain';
import { builtinScanner } from './builtin/builtin-scanner.ts';
import type { BuiltinScannerSpec } from './builtin/builtin-scanner.ts';
import { containedScanner, isContained } from './contained/contained-scanner.ts';
import type { ContainerSettings } from './contained/settings.ts';
import { declaredScanner } from './declared/declared-scanner.ts';
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
  /** Tools that the configuration brings along; those of a type run beside whatever is chosen for it. */
  readonly declared: readonly DeclaredScanner[];
  /** Where declared tools with an image run. */
  readonly containers: ContainerSettings;
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
 * is taken; `builtin` keeps to the built-in ones there. A declared tool runs whether it is named or not; where it is the only one named, it is
 * the only one that runs.
 */
export function readScannerChoice(env: EnvReader, declared: readonly DeclaredScanner[]): readonly string[] {
  const own = [...Object.values(builtinScanners), ...externalScanners].map(({ name }) => name);
  const taken = declared.find(({ name }) => own.includes(name));
  if (taken !== undefined) {
    env.problem('DECLARED_SCANNERS', `declares ${taken.name}, which is known already`, 'a name of its own for each tool');
  }
  return env.list('SCANNERS', [onlyBuiltin, ...own, ...declared.map(({ name }) => name)], []);
}

/**
 * The scanners of each type, in the order asked for: the tools that were chosen, or else the first installed one that answers its probe, or
 * else the built-in one; and behind them the declared ones.
 */
export async function selectScanners(types: readonly ScanType[], config: ScannersConfig): Promise<Scanner[]> {
  const selected = await Promise.all([...new Set(types)].map((type) => scannersOf(type, config)));
  return selected.flat();
}

async function scannersOf(type: ScanType, config: ScannersConfig): Promise<Scanner[]> {
  const declared = config.declared.filter((each) => each.type === type);
  const chosen = await chosenScanners(type, config);
  const isChosen = chosen.length > 0 || declared.some(({ name }) => config.choice.includes(name));
  const others = isChosen ? chosen : [(await firstInstalled(type, config)) ?? builtinOf(type, config)];
  return [...others, ...declared.map((each) => declaredOf(each, config))];
}

/** Never another tool in the place of one that was chosen: whoever reads the results counts on it. */
function chosenScanners(type: ScanType, config: ScannersConfig): Promise<Scanner[]> {
  const installed = factoriesOf(type, config).filter(({ name }) => config.choice.includes(name));
  const builtin = config.choice.includes(builtinScanners[type].name) ? [builtinOf(type, config)] : [];
  return Promise.all([...installed.map(async (factory) => (await create(factory, config)) ?? missingScanner(factory)), ...builtin]);
}

async function firstInstalled(type: ScanType, config: ScannersConfig): Promise<Scanner | null> {
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

function declaredOf(declared: DeclaredScanner, { external: { environment }, containers }: ScannersConfig): Scanner {
  const byCommand = (each: DeclaredScanner): Scanner => declaredScanner(each, environment);
  return isContained(declared) ? containedScanner(declared, containers, environment, byCommand) : byCommand(declared);
}
