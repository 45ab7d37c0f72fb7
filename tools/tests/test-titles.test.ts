import { join } from 'node:path';
import test from 'ava';
import { isSameTest, testFilesOf } from '../test-titles.ts';

const root = join(import.meta.dirname, '..', '..');

test('the files of titles are found, each once, also where a title holds the divider', (t) => {
  const titles = [
    'tools › tests › test-titles › one',
    'tools › tests › test-titles › two › three',
    'tools › tests › nowhere › four',
    'five',
  ];
  t.deepEqual(testFilesOf(titles, root), ['tools/tests/test-titles.test.ts']);
});

test('a test is known again without the path of its file, or a part of it', (t) => {
  t.true(isSameTest('tools › tests › test-titles › one', 'one'));
  t.true(isSameTest('tools › tests › test-titles › one', 'test-titles › one'));
  t.false(isSameTest('tools › tests › test-titles › no one', 'one'));
});
