export default {
  extensions: ['ts'],
  files: ['{apps,libs}/*/{src,tests}/**/*.test.ts', '{migrations,tools}/**/*.test.ts', '!**/dist/**'],
  nodeArguments: ['--conditions=@cloudscan/source', '--disable-warning=ExperimentalWarning'],
  concurrency: 2,
  timeout: '3m',
  watchMode: { ignoreChanges: ['.cloudscan/**', '**/dist/**'] },
};
