import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../harness.ts';
import { page, ROOT } from '../markdown.ts';
import { programPath } from './programs.ts';

// The pictures of docs are what the program draws: the script that makes them runs, and makes the very ones that the documents show.

const LONG_MS = 480_000;
const PICTURES = readdirSync(`${ROOT}docs/screens`).filter((name) => name.endsWith('.svg'));

test(
  'the pictures are made by the script, and no line is cut off or goes on in the next',
  () => {
    programPath('tmux');
    const { path, cleanUp } = temporaryFolder();
    try {
      execFileSync(process.execPath, [join(ROOT, 'docs/screens/record.js'), '--to', path], { stdio: ['ignore', 'ignore', 'pipe'] });
      const made = readdirSync(path);
      expect(made.sort()).toEqual(PICTURES.sort());
      for (const name of made) {
        const picture = readFileSync(join(path, name), 'utf8');
        const columns = Number(/-(\d+)\.svg$/.exec(name)?.[1]);
        expect(Number(/viewBox="0 0 ([\d.]+) /.exec(picture)?.[1])).toBeCloseTo(columns * 8.4 + 28, 1);
        expect(picture.match(/<text /g)?.length ?? 0).toBeGreaterThan(0);
        // SECURITY: a picture in the documents shows no secret.
        expect(picture).not.toMatch(/kc_[a-z]+_[0-9A-Za-z]{36}/);
      }
    } finally {
      cleanUp();
    }
  },
  LONG_MS,
);

test('every picture is shown by a document, and every one that is shown is there', () => {
  const documents = ['README.md', ...readdirSync(`${ROOT}docs`).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))];
  const shown = documents.flatMap((name) => [...page(name).matchAll(/screens\/([\w-]+\.svg)/g)].map(([, picture = '']) => picture));
  expect([...new Set(shown)].sort()).toEqual(PICTURES.sort());
});
