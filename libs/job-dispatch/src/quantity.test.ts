import test from 'ava';
import { parseCpuQuantity, parseMemoryQuantity } from './quantity.ts';

test('reads binary, decimal and bare quantities as bytes', (t) => {
  t.is(parseMemoryQuantity('512Mi'), 536_870_912);
  t.is(parseMemoryQuantity('1.5G'), 1_500_000_000);
  t.is(parseMemoryQuantity('2Gi'), 2_147_483_648);
  t.is(parseMemoryQuantity('1000'), 1000);
});

test('answers null for what is not a quantity', (t) => {
  for (const text of ['', 'Mi', '2 Gi', '-1Gi', '2gb', '1e9']) t.is(parseMemoryQuantity(text), null, text);
});

test('reads cores and thousandths of one', (t) => {
  t.deepEqual(['2', '500m', '1.5', '0.25'].map(parseCpuQuantity), [2, 0.5, 1.5, 0.25]);
  for (const text of ['', 'm', '2 cores', '-1', '1k']) t.is(parseCpuQuantity(text), null, text);
});
