import test from 'ava';
import { artifactUri, repositoryUri } from './uri.ts';

test('encodes what has a meaning in a URI and keeps the slashes', (t) => {
  t.is(artifactUri('src/a b/c#1?x=100%.ts'), 'src/a%20b/c%231%3Fx%3D100%25.ts');
  t.is(artifactUri('données/日本.py'), 'donn%C3%A9es/%E6%97%A5%E6%9C%AC.py');
});

test('never writes an absolute URI, a network path or a way out of the root', (t) => {
  t.is(artifactUri('c:/x'), 'c%3A/x');
  t.is(artifactUri('//host/x'), 'host/x');
  t.is(artifactUri('a/../../x'), 'a/%2E%2E/%2E%2E/x');
});

test('gives a name that is not Unicode a form all the same', (t) => {
  t.is(artifactUri('a\ud800b'), 'a%EF%BF%BDb');
});

test('a repository URI holds no credentials', (t) => {
  t.is(repositoryUri('https://user:pass@git.example/o/r.git?x=1#y'), 'https://git.example/o/r.git');
  t.is(repositoryUri('git@git.example:o/r.git'), 'ssh://git.example/o/r.git');
  t.is(repositoryUri('file:///srv/r'), 'file:///srv/r');
  t.is(repositoryUri('not a url'), null);
});
