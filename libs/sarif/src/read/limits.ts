/** What one log may hold. */
export interface SarifLimits {
  readonly maxRuns: number;
  readonly maxResultsPerRun: number;
  /** Of the driver and its extensions together; they wait in memory while results are read. */
  readonly maxRulesPerRun: number;
  readonly maxExtensionsPerRun: number;
}

/** What GitHub code scanning takes ("SARIF results exceed one or more limits", GitHub Docs). */
export const codeScanningLimits: SarifLimits = {
  maxRuns: 20,
  maxResultsPerRun: 25_000,
  maxRulesPerRun: 25_000,
  maxExtensionsPerRun: 100,
};

/** Of a tool that was run here: as many results as it finds. */
export const toolLimits: SarifLimits = {
  maxRuns: 1000,
  maxResultsPerRun: Number.MAX_SAFE_INTEGER,
  maxRulesPerRun: 100_000,
  maxExtensionsPerRun: 1000,
};
