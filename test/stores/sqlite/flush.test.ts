import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { syncFile, syncFolder } from '../../../src/stores/sqlite/copy.ts';
import { temporaryFolder } from '../../harness.ts';

let folder: { path: string; cleanUp: () => void };
let file: string;

beforeAll(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'copy.db');
  writeFileSync(file, 'x');
});

afterAll(() => {
  folder.cleanUp();
});

test('a folder is opened to be flushed, but not on Windows, which refuses', () => {
  const gone = join(folder.path, 'gone');
  syncFolder(folder.path, 'linux');
  expect(() => syncFolder(gone, 'linux')).toThrow('ENOENT');
  expect(() => syncFolder(gone, 'win32')).not.toThrow();
});

test('a file is opened to be written on Windows, which flushes no other', () => {
  syncFile(file, 'linux');
  syncFile(file, 'win32');
  // What only looks like a flush of it: nobody can open a folder to write.
  expect(() => syncFile(folder.path, 'linux')).not.toThrow();
  expect(() => syncFile(folder.path, 'win32')).toThrow('EISDIR');
});
