import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { page, ROOT, section } from './markdown.ts';

const PAGE = page('docs/guarantees.md');
const PROMISES = [...PAGE.matchAll(/^## (\d)\. (.+)$/gm)].map(([heading, number, title]) => ({ heading, number: Number(number), title }));

/** The files that a text names, as code. */
function filesIn(text: string): readonly string[] {
  return [...text.matchAll(/`((?:test|bench|src)\/[\w./-]+)`/g)].map(([, file = '']) => file);
}

describe('docs/guarantees.md', () => {
  test('has the nine promises in their order', () => {
    expect(PROMISES.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test.each([...PROMISES.map(({ heading }) => heading), '## The audit trail', '## Upgrades'])(
    '%s says where it ends and names tests that hold it',
    (heading) => {
      const text = section(PAGE, heading);
      expect(text).toMatch(/^(?:Where it ends|What it cannot hold)/m);
      const held = text.slice(text.indexOf('\nHeld by '));
      const tests = filesIn(held);
      expect(tests.length).toBeGreaterThan(0);
      for (const file of tests) expect(file).toMatch(/^test\/.+\.test\.ts$/);
    },
  );

  test('names no file that is not there', () => {
    const missing = filesIn(PAGE).filter((file) => !existsSync(join(ROOT, file)));
    expect(missing).toEqual([]);
  });

  test('has a place for the figures of the last long run', () => {
    const [, figures] = /^<!-- long run -->\n\n([\s\S]+?)\n\n<!-- end of long run -->$/m.exec(PAGE) ?? [];
    expect(figures).toEqual(expect.any(String));
  });
});

describe('every link', () => {
  const PAGES = [
    'README.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'recipes/README.md',
    ...readdirSync(`${ROOT}docs`).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
  ];

  function anchorsOf(path: string): readonly string[] {
    return [...page(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^a-z0-9 _-]/g, '')
        .replaceAll(' ', '-'),
    );
  }

  test.each(PAGES)('of %s leads somewhere', (path) => {
    const links = [...page(path).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    const broken = links.filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});
