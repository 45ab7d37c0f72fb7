import { Readable } from 'node:stream';
import test from 'ava';
import { readLines } from './ndjson.ts';
import { completeFinding, parseMessage, ProtocolError } from './protocol.ts';
import type { BuiltinFinding } from './protocol.ts';

async function linesOf(chunks: readonly string[], maxBytes = 100): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk, 'latin1'))), maxBytes)) lines.push(line);
  return lines;
}

test('lines are put together across chunks, also where a chunk ends within a character', async (t) => {
  const bytes = Buffer.from('{"a":"ü"}\n{"b"').toString('latin1');
  t.deepEqual(await linesOf([bytes.slice(0, 7), bytes.slice(7), ':1}\n\nlast']), ['{"a":"ü"}', '{"b":1}', 'last']);
});

test('a line above the limit is refused before it has come to its end', async (t) => {
  await t.throwsAsync(linesOf(['x'.repeat(60), 'x'.repeat(60)]), { instanceOf: ProtocolError });
});

for (const line of [
  'nonsense',
  '[]',
  '{}',
  '{"type":"progress"}',
  '{"type":"result","status":"good","message":"","findings":0}',
  '{"type":"finding","finding":[]}',
]) {
  test(`is no message: ${line}`, (t) => {
    t.throws(() => parseMessage(line), { instanceOf: ProtocolError });
  });
}

test('a fraction outside of 0 to 1 is brought back into it', (t) => {
  t.deepEqual(parseMessage('{"type":"progress","fraction":7}'), { type: 'progress', fraction: 1 });
});

test('a finding cannot say that it comes from another tool', (t) => {
  const tool = { scanType: 'sast', toolName: 'cloudscan-sast', toolVersion: '1.0.0' } as const;
  const finding = { ruleId: 'r', severity: 'low', title: 't', description: '', filePath: 'a', fingerprint: 'f', toolName: 'semgrep' };
  t.like(completeFinding(finding as BuiltinFinding, tool), tool);
});

for (const wrong of [{ severity: 'grave' }, { ruleId: 5 }, { startLine: '3' }, { references: [1] }, { fingerprint: undefined }]) {
  test(`a finding with a wrong field is refused: ${JSON.stringify(wrong)} ${Object.keys(wrong).join()}`, (t) => {
    const finding = { ruleId: 'r', severity: 'low', title: 't', description: '', filePath: 'a', fingerprint: 'f', ...wrong };
    const tool = { scanType: 'sast', toolName: 'n', toolVersion: '1' } as const;
    t.throws(() => completeFinding(finding as BuiltinFinding, tool), { instanceOf: ProtocolError });
  });
}
