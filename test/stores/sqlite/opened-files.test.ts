import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OpenedFiles } from '../../../src/stores/sqlite/opened-files.ts';
import { temporaryFolder } from '../../harness.ts';

let home: ReturnType<typeof temporaryFolder>;
let folder: string;
let path: string;
let now: number;

beforeEach(() => {
  home = temporaryFolder();
  folder = join(home.path, 'store');
  path = join(folder, 'keyctl.db');
  mkdirSync(folder);
  writeFileSync(path, 'the store');
  writeFileSync(`${path}-wal`, 'its log');
  now = 0;
});

afterEach(() => {
  home.cleanUp();
});

const copied = (of: string): void => {
  copyFileSync(of, `${of}.copy`);
  renameSync(`${of}.copy`, of);
};

/** Each with the way back. */
const CHANGES: readonly [string, () => () => void][] = [
  ['the store is removed', () => away(path)],
  ['its log is removed', () => away(`${path}-wal`)],
  ['the store is replaced', () => replaced(path)],
  ['its log is replaced', () => replaced(`${path}-wal`)],
  ['the folder is gone', () => away(folder)],
  ['another folder with the same names takes its place', () => replacedFolder()],
];

function away(what: string): () => void {
  renameSync(what, `${what}.away`);
  return () => {
    renameSync(`${what}.away`, what);
  };
}

function replaced(what: string): () => void {
  const back = away(what);
  copyFileSync(`${what}.away`, what);
  return back;
}

function replacedFolder(): () => void {
  const back = away(folder);
  mkdirSync(folder);
  for (const name of ['keyctl.db', 'keyctl.db-wal']) writeFileSync(join(folder, name), 'another');
  return () => {
    rmSync(folder, { recursive: true });
    back();
  };
}

const REPLACED = /were removed or replaced while it was open/;

describe.each([
  ['while the folder has just changed', 0],
  ['long after the folder has changed', 10_000],
])('%s', (_, later) => {
  test.each(CHANGES)('%s: the next look tells, and every one after it, until the old files are back', (__, change) => {
    const files = new OpenedFiles(path, () => now);
    files.check();
    now += later;
    files.check();
    const back = change();
    for (let look = 0; look < 3; look += 1) {
      expect(() => {
        files.check();
      }).toThrow(REPLACED);
      now += later;
    }
    back();
    files.check();
  });
});

describe('on a file system that tells times in coarse steps', () => {
  /** As if all changes of the folder had come within one step. */
  const withinOneStep = (): void => {
    utimesSync(folder, 1, 1);
  };

  test('what happens shortly after another change is seen: the files are looked at themselves', () => {
    const files = new OpenedFiles(path, () => now);
    withinOneStep();
    files.check();
    now += 2_400;
    copied(path);
    withinOneStep();
    for (let look = 0; look < 3; look += 1) {
      expect(() => {
        files.check();
      }).toThrow(REPLACED);
      now += 10_000;
    }
  });

  test('long after the last change the folder alone is asked', () => {
    const files = new OpenedFiles(path, () => now);
    withinOneStep();
    files.check();
    now += 2_600;
    files.check();
    copied(path);
    withinOneStep();
    files.check();
    writeFileSync(join(folder, 'another'), 'which changes the folder');
    expect(() => {
      files.check();
    }).toThrow(REPLACED);
  });
});

test('behind a link it is the file that counts: the folder of the link need not change', () => {
  const link = join(home.path, 'link.db');
  symlinkSync(path, link);
  const files = new OpenedFiles(link, () => now);
  files.check();
  now = 10_000;
  files.check();
  copied(path);
  expect(() => {
    files.check();
  }).toThrow(REPLACED);
});

test('a path through a link to the folder: another folder behind the link is told', () => {
  const link = join(home.path, 'current');
  const other = join(home.path, 'other');
  symlinkSync(folder, link);
  mkdirSync(other);
  for (const name of ['keyctl.db', 'keyctl.db-wal']) writeFileSync(join(other, name), 'another');
  const files = new OpenedFiles(join(link, 'keyctl.db'), () => now);
  files.check();
  now = 10_000;
  files.check();
  unlinkSync(link);
  symlinkSync(other, link);
  expect(() => {
    files.check();
  }).toThrow(REPLACED);
});
