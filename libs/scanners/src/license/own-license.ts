import { parseJson } from '../inventory/parse.ts';
import { asText, field } from '../inventory/untrusted.ts';
import { readSource, walkSource } from '../source/walk-source.ts';
import type { SourceFile } from '../source/walk-source.ts';
import { isLicenseFileName, recognizeLicenseText } from './license-text.ts';

/** Bytes at the beginning of a file where a licence identifier stands (https://spdx.dev/learn/handling-license-info/). */
const headerBytes = 2048;
const maxLicenseBytes = 256 * 1024;
const maxFileBytes = 8 * 1024 * 1024;

/** A licence that stands in the repository's own files. */
export interface SourceLicense {
  /** An SPDX expression. */
  readonly license: string;
  /** Relative to the source's root. */
  readonly filePath: string;
  /** 1-based. */
  readonly line: number;
  /** `root`: what the repository says of itself; `file`: what a licence file further down or a header says. */
  readonly scope: 'root' | 'file';
}

/** The licences of the repository itself: licence files, its package manifest, and SPDX-License-Identifier headers. */
export async function* sourceLicenses(sourceDir: string): AsyncGenerator<SourceLicense, void> {
  for await (const file of walkSource(sourceDir, { maxFileBytes })) {
    const scope = file.path.includes('/') ? 'file' : 'root';
    if (isLicenseFileName(file.name)) {
      const text = await headOf(file, maxLicenseBytes);
      for (const license of recognizeLicenseText(text)) yield { license, filePath: file.path, line: 1, scope };
    } else if (file.path === 'package.json') {
      const license = manifestLicense(await headOf(file, maxFileBytes));
      if (license !== '') yield { license, filePath: file.path, line: 1, scope };
    } else {
      const header = identifierIn(await headOf(file, headerBytes));
      if (header !== null) yield { ...header, filePath: file.path, scope: 'file' };
    }
  }
}

async function headOf(file: SourceFile, bytes: number): Promise<string> {
  const head = await readSource({ ...file, size: Math.min(file.size, bytes) });
  return head === null || head.includes(0) ? '' : head.toString('utf8');
}

function manifestLicense(text: string): string {
  try {
    return asText(field(parseJson(text), 'license'));
  } catch {
    return '';
  }
}

function identifierIn(head: string): { readonly license: string; readonly line: number } | null {
  const match = /^[^\w\n]*SPDX-License-Identifier:[ \t]*([^\n]+)$/m.exec(head);
  if (match === null) return null;
  const license = match[1]!.replace(/\s*(\*\/|-->|#}|\*\)|"""|''').*$/, '').trim();
  return { license, line: head.slice(0, match.index).split('\n').length };
}
