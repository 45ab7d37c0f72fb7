export { readJobDispatchConfig } from './config.ts';
export type { JobDispatchConfig } from './config.ts';
export { classifyExit, runConditions } from './local/classify-exit.ts';
export type { RunCondition, RunEnd } from './local/classify-exit.ts';
export { LocalJobDispatcher } from './local/local-job-dispatcher.ts';
export type { LocalJobDispatcherOptions } from './local/local-job-dispatcher.ts';
export { runnerEnvironment } from './runner-environment.ts';
export type { RunnerFolders, RunnerSettings } from './runner-environment.ts';
