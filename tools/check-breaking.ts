import { spawnSync } from 'node:child_process';

/** What the proto files are held against: the published branch, or, on it, the commit before. */
const candidates = ['origin/main', 'main', 'HEAD~1'];

function git(args: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  return spawnSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** The first candidate that is another commit than HEAD and holds proto files; null in a checkout without history. */
function findBase(): string | null {
  const head = git(['rev-parse', 'HEAD']).stdout.trim();
  for (const candidate of candidates) {
    const commit = git(['rev-parse', '-q', '--verify', `${candidate}^{commit}`]).stdout.trim();
    if (commit !== '' && commit !== head && git(['cat-file', '-e', `${commit}:proto`]).status === 0) return commit;
  }
  return null;
}

const base = findBase();
if (base === null) {
  process.stderr.write('no earlier commit to hold the proto files against\n');
} else {
  const { status } = spawnSync('buf', ['breaking', '--against', `.git#ref=${base}`], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
