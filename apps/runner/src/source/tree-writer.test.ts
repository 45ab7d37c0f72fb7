import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { RunFailure } from '../run-failure.ts';
import { TreeWriter } from './tree-writer.ts';
import { UnpackBudget } from './unpack-budget.ts';

const limits = { maxMembers: 1000, maxBytes: 1e6, maxFileBytes: 1e6, maxRatio: 100, ratioFromBytes: 1e6, maxPathBytes: 512 };

async function* content(): AsyncGenerator<Buffer, void> {
  yield Buffer.from('x');
}

test('whatever the names are, nothing is written outside the folder', async (t) => {
  const segment = fc.constantFrom('..', '.', '', 'a', 'b', 'C:', '~', '\0', ' ', '…', '...', 'a:b');
  const separator = fc.constantFrom('/', '\\', '//');
  const name = fc.array(fc.tuple(segment, separator), { minLength: 1, maxLength: 6 }).map((parts) => parts.flat().join(''));
  const member = fc.record({
    name: fc.tuple(fc.constantFrom('', '/'), name, segment).map((parts) => parts.join('')),
    folder: fc.boolean(),
  });
  const parent = await mkdtemp(join(tmpdir(), 'cloudscan-tree-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 8 }), async (members) => {
      round += 1;
      const cage = join(parent, String(round));
      const root = join(cage, 'deep', 'root');
      await mkdir(root, { recursive: true });
      const tree = new TreeWriter(root, new UnpackBudget(limits));
      try {
        for (const each of members) await (each.folder ? tree.addFolder(each.name) : tree.addFile(each.name, 1, content()));
        await tree.finish();
      } catch (error) {
        if (!(error instanceof RunFailure)) throw error;
        await tree.finish();
      }
      const beside = [...(await readdir(cage)), ...(await readdir(join(cage, 'deep')))];
      return beside.join() === 'deep,root';
    }),
    { numRuns: 100 },
  );
  t.pass();
});
