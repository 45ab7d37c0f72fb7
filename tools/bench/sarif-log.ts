import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/** Rules of the made tool. */
const rules = 200;
const resultsPerFile = 10;

/** Writes the log of a made tool: so many results over 200 rules, each with its place, its line of code and a fingerprint. */
export async function writeSarifLog(path: string, results: number): Promise<void> {
  const file = createWriteStream(path, { highWaterMark: 1024 * 1024 });
  const write = async (text: string): Promise<void> => {
    if (!file.write(text)) await once(file, 'drain');
  };
  const driver = { name: 'bench-tool', version: '1.0.0', rules: Array.from({ length: rules }, (_, index) => ruleOf(index)) };
  await write(`{"version":"2.1.0","runs":[{"tool":{"driver":${JSON.stringify(driver)}},"results":[\n`);
  for (let index = 0; index < results; index += 1) await write(`${index === 0 ? '' : ',\n'}${JSON.stringify(resultOf(index))}`);
  await write('\n]}]}\n');
  file.end();
  await finished(file);
}

function ruleOf(index: number): object {
  return {
    id: `bench/rule-${index}`,
    shortDescription: { text: `Input of a request reaches a query (${index})` },
    helpUri: `https://rules.example.com/bench/rule-${index}`,
    properties: {
      'security-severity': (((index * 7) % 100) / 10).toFixed(1),
      tags: ['security', `external/cwe/cwe-${String(20 + (index % 80)).padStart(3, '0')}`],
    },
  };
}

function resultOf(index: number): object {
  const rule = index % rules;
  const file = Math.floor(index / resultsPerFile);
  const line = 1 + (index % resultsPerFile) * 7;
  return {
    ruleId: `bench/rule-${rule}`,
    ruleIndex: rule,
    level: 'warning',
    message: {
      text: `The value of request.query.id${index} reaches database.query() without being bound as a parameter of the statement.`,
    },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: `services/module-${Math.floor(file / 100)}/handlers/handler-${file % 100}.js` },
          region: {
            startLine: line,
            endLine: line,
            startColumn: 5,
            endColumn: 73,
            snippet: { text: `    await database.query('SELECT * FROM accounts WHERE id = ' + request.query.id${index});` },
          },
        },
      },
    ],
    partialFingerprints: { 'primaryLocationLineHash/v1': `${(index * 2654435761) % 2 ** 32}:1` },
  };
}
