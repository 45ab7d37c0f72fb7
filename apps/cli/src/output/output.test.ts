import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scan } from '@cloudscan/contracts';
import test from 'ava';
import { UsageError } from '../exit-codes.ts';
import { jsonResult, writeResult } from './destination.ts';
import { findingsTable, scanDetails, summaryLine, toolsTable } from './table.ts';
import { plainStyle } from './text-style.ts';
import { findingView, scanView } from './views.ts';

const finding = scan.Finding.fromPartial({
  severity: scan.Severity.HIGH,
  scanType: scan.ScanType.SAST,
  title: 'SQL built from input',
  filePath: 'src/db.js',
  lineNumber: 12,
  ruleId: 'js/sql-injection',
});

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

test('a table row says how bad, what, where', (t) => {
  const table = findingsTable([finding], { ...plainStyle, width: 120 });
  t.regex(table, /high.*sast.*src\/db\.js:12.*SQL built from input/);
});

test('a file name cannot write to the terminal', (t) => {
  const table = findingsTable([{ ...finding, filePath: 'a\u001b[2Jb\n.js', title: 'x\u202ey' }], { ...plainStyle, width: 200 });
  t.true(table.includes('a\\x1b[2Jb\\x0a.js'));
  t.true(table.includes('x\\x202ey'));
});

test('a long path keeps its end', (t) => {
  const table = findingsTable([{ ...finding, filePath: `${'deep/'.repeat(40)}end.js` }], { ...plainStyle, width: 100 });
  t.regex(table, /….*end\.js:12/);
});

test('the summary counts in the singular, too', (t) => {
  t.regex(
    summaryLine(scan.Scan.fromPartial({ totalFindings: 1, findingsBySeverity: { high: 1 } }), plainStyle),
    /^1 finding: 0 critical, .*1 high/,
  );
});

test('a tool that failed shows why', (t) => {
  const tool = scan.ToolRun.fromPartial({
    name: 'cloudscan-sca',
    status: scan.ToolStatus.TOOL_STATUS_FAILED,
    errorMessage: 'could not reach the advisory source',
  });
  t.regex(toolsTable([tool], plainStyle), /cloudscan-sca[^]*failed[^]*cloudscan-sca.*: could not reach the advisory source/);
});

test('the JSON result is one document with scan, findings and tools', async (t) => {
  let text = '';
  for await (const part of jsonResult({ id: 'x' }, [{ name: 'tool' }], each(findingView(finding), findingView(finding)))) text += part;
  const parsed = JSON.parse(text) as { scan: { id: string }; findings: { rule_id: string; start_line: number }[]; tools: object[] };
  t.is(parsed.scan.id, 'x');
  t.deepEqual(
    parsed.findings.map(({ rule_id, start_line }) => [rule_id, start_line]),
    [
      ['js/sql-injection', 12],
      ['js/sql-injection', 12],
    ],
  );
  t.is(parsed.tools.length, 1);
});

test('a result file appears whole or not at all', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-output-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  await writeResult(['a', 'b'], join(folder, 'ok.json'));
  t.is(readFileSync(join(folder, 'ok.json'), 'utf8'), 'ab');
  async function* breaking(): AsyncGenerator<string> {
    yield 'half';
    throw new Error('gone');
  }
  await t.throwsAsync(writeResult(breaking(), join(folder, 'broken.json')), { instanceOf: UsageError });
  t.false(existsSync(join(folder, 'broken.json')));
  t.deepEqual(readdirSync(folder), ['ok.json']);
});

test('a failed scan shows what the platform saw of its end, and no control character of its log', (t) => {
  const failed = scan.Scan.fromPartial({
    errorMessage: 'the runner needed more memory than it may use',
    failureEvidence: { exitCode: 137, condition: 'OOMKilled', message: 'limit 2Gi', logTail: 'scanning\u001b[2Jdone' },
  });
  const details = scanDetails(failed, plainStyle);
  t.true(details.includes('evidence  OOMKilled, limit 2Gi, exit code 137\n'), details);
  t.false(details.includes('\u001b'));
  t.false(scanDetails(scan.Scan.fromPartial({}), plainStyle).includes('evidence'));
});

test('a scan of which a tool failed is shown as completed in part, with what the tool said of itself', (t) => {
  const tools = [
    { name: 'semgrep', status: scan.ToolStatus.TOOL_STATUS_SUCCEEDED },
    {
      name: 'trivy',
      status: scan.ToolStatus.TOOL_STATUS_FAILED,
      errorMessage: 'trivy has no database',
      evidence: 'FATAL\u001b[0m\nno such file',
    },
  ];
  const partial = scan.Scan.fromPartial({ status: scan.ScanStatus.COMPLETED, partial: true, tools });
  const details = scanDetails(partial, plainStyle);
  t.regex(details, /^status +completed in part$/m);
  t.regex(details, /^ +trivy: trivy has no database$/m);
  t.true(details.endsWith('evidence of trivy\nFATAL\\x1b[0m\nno such file'), details);
  t.true(scanView(partial).partial);
});
