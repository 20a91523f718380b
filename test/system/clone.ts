import { cpSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from '../markdown.ts';

/** What a clone does not have, or what would be too much to copy. */
const LEFT_OUT = ['.git', 'node_modules', 'dist', 'coverage'];

/** Copies the sources into a new folder as a clone after `npm install`: a build there does not disturb the other tests. */
export function cloneInto(folder: string): string {
  const clone = join(folder, 'clone');
  cpSync(ROOT, clone, { recursive: true, filter: (path) => !LEFT_OUT.includes(relative(ROOT, path)) });
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  return clone;
}

/** The environment without what the npm that runs these tests has put in. */
export function environmentOutsideNpm(): Readonly<Record<string, string>> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^npm_|^INIT_CWD$|^NODE_OPTIONS$|^KEYCTL_/.test(name),
  );
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']));
}
