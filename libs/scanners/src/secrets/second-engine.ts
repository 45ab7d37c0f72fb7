import { lintSource } from '@secretlint/core';
import { secretLintProfiler } from '@secretlint/profiler';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import type { SecretLintCoreConfig } from '@secretlint/types';
import type { SecretMatch } from './find-secrets.ts';
import { isPlaceholder, isReference } from './placeholders.ts';

// It would keep an entry for every rule and file.
secretLintProfiler.setEnabled(false);

const prefix = '@secretlint/secretlint-rule-';

/** Kinds in which our own rules are stricter on purpose, or that are no secrets (an AWS account's number). */
const disabled = ['basicauth', 'database-connection-string', 'privatekey', 'filter-comments'];

const config: SecretLintCoreConfig = {
  rules: [{ id: `${prefix}preset-recommend`, rule: creator, rules: disabled.map((name) => ({ id: prefix + name, disabled: true })) }],
};

/**
 * What secretlint's recommended preset finds, in the order of the text and without overlaps: a second, independently kept set of forms. Some tenths of a millisecond a file. Its
 * messages hold the secret and stay here.
 */
export async function findBySecretlint(text: string): Promise<SecretMatch[]> {
  const { messages } = await lintSource({
    source: { filePath: 'source', ext: '', content: text, contentType: 'text' },
    options: { config, noPhysicFilePath: true },
  });
  const found = messages
    .filter(({ messageId }) => messageId !== 'AWSAccountID')
    .map(({ ruleId, range: [start, end] }) => ({
      ruleId: `secretlint-${ruleId.replace(prefix, '')}`,
      start,
      end,
      secret: text.slice(start, end),
    }))
    .filter(({ secret }) => !isReference(secret) && !isPlaceholder(secret))
    .sort((a, b) => a.start - b.start);
  let end = 0;
  return found.filter((match) => {
    const isApart = match.start >= end;
    if (isApart) end = match.end;
    return isApart;
  });
}
