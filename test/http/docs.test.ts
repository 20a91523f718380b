import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { VERDICT_STATUS } from '../../src/domain/verdict.ts';
import { PROBLEM_STATUS } from '../../src/http/problem.ts';
import { ROUTES } from '../../src/http/routes.ts';
import { question } from '../../src/http/schemas.ts';
import { VERDICT_HEADER_NAMES } from '../verdict-header-names.ts';

const PAGE = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8');

/** The cells of the table under a heading whose first column has that name. */
function table(firstColumn: string): string[][] {
  const lines = PAGE.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${firstColumn} |`));
  expect(start).toBeGreaterThan(-1);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end === -1 ? rows.length : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function codeIn(cell: string | undefined): string {
  return /^`([^`]+)`/.exec(cell ?? '')?.[1] ?? '';
}

describe('docs/http.md', () => {
  test('has every verdict with its status, in the order of the checks, and no other', () => {
    expect(table('code').map(([code, status]) => [codeIn(code), Number(status)])).toEqual(Object.entries(VERDICT_STATUS));
    for (const [, , meaning] of table('code')) expect(meaning).toMatch(/\.$/);
  });

  test('names every other problem with its status', () => {
    for (const [code, status] of Object.entries(PROBLEM_STATUS)) {
      if (code !== 'store_unavailable') expect(PAGE).toContain(`\`${code}\` (${String(status)}`);
    }
  });

  test('has every header of a verdict, in the order in which they are sent, and no other', () => {
    const sent = VERDICT_HEADER_NAMES;
    expect([...table('header').map(([name]) => codeIn(name)), 'Cache-Control']).toEqual(sent);
    expect(PAGE).toContain('`Cache-Control: no-store`');
  });

  test('has every route with its methods, and no other', () => {
    const listed = table('route').map(([paths, methods]) => [
      [...(paths ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]),
      methods === 'any' ? 'any' : [...(methods ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]),
    ]);
    const there = Object.entries(ROUTES).map(([name, { paths, methods }]) => [
      paths.map((path) => path.replace('{rest}', '<anything>').replace(/\{(\w+)\}/g, '<$1>')),
      name === 'verify' ? 'any' : [...methods],
    ]);
    expect(listed).toEqual(there);
  });

  test('has every field of a question, and no other', () => {
    expect(['apiKey', ...table('field').map(([name]) => codeIn(name))]).toEqual(Object.keys(question.shape));
  });
});
