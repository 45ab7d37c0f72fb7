import { owaspCategories, ruleLanguages } from './rule.ts';
import type { OwaspCategory } from './rule.ts';
import { sastRules } from './rules/index.ts';

/** The rule pack as a page of Markdown. */
export function rulesTable(): string {
  const categories = Object.keys(owaspCategories) as OwaspCategory[];
  const sections = categories.map((category) => {
    const rules = sastRules.filter(({ weakness }) => weakness.owasp === category);
    const rows = rules.map(({ id, severity, weakness }) => `| \`${id}\` | ${severity} | ${weakness.cwe} | ${weakness.title} |`);
    const table = ['| rule | severity | CWE | what it finds |', '|---|---|---|---|', ...rows];
    return rows.length === 0 ? '' : [`## ${category}:2021 ${owaspCategories[category]}`, '', ...table, ''].join('\n');
  });
  const counts = ruleLanguages.map((language) => `${language} ${sastRules.filter((rule) => rule.language === language).length}`);
  return [`# SAST rules`, '', `${sastRules.length} rules: ${counts.join(', ')}.`, '', ...sections.filter((section) => section !== '')].join(
    '\n',
  );
}
