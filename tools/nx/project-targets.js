import { dirname } from 'node:path';

/**
 * Gives every workspace the same targets, so that no project spells them out: `build` (what the images ship), `lint`
 * and `test`. Those of the root are for all projects at once, which is quicker than one by one where nothing is cached.
 */
export const name = 'cloudscan-project-targets';

export const createNodesV2 = [
  '{package.json,{apps/*,libs/*,migrations}/package.json}',
  (files) => files.map((file) => [file, { projects: { [dirname(file)]: { targets: targetsOf(dirname(file)) } } }]),
];

function targetsOf(root) {
  const command = (text) => ({ executor: 'nx:run-commands', options: { command: text, cwd: '{workspaceRoot}' } });
  return {
    build: command(`node node_modules/tsc7/bin/tsc -b ${root}`),
    lint: command(`eslint ${root}`),
    test: command(`node --conditions=@cloudscan/source tools/test.ts ${root}`),
  };
}
