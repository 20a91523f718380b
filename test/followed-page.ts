import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { BINARY, type Outcome } from './harness.ts';
import { page, section } from './markdown.ts';
import type { Installation } from './system/installation.ts';

/** The blocks for the shell that stand under a heading, subheadings included. */
export function shellBlocks(text: string): readonly string[] {
  return [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block);
}

/**
 * A page of docs, followed to the letter: its blocks are run by a shell, as they stand, in a folder of their own, with `keyctl` in PATH and the
 * store of an installation.
 */
export class FollowedPage {
  readonly text: string;
  /** Where the page's reader stands. */
  readonly folder: string;
  /** Secrets that nothing on the page may show again. */
  readonly secrets: string[] = [];
  readonly #env: Readonly<Record<string, string>>;
  /** What the page has a shell remember from one block to the next. */
  #remembered = '';

  constructor(path: string, home: Installation, env: Readonly<Record<string, string>> = {}) {
    this.text = page(path);
    const bin = join(home.folder, 'bin');
    this.folder = join(home.folder, 'work');
    for (const made of [bin, this.folder]) mkdirSync(made, { recursive: true });
    writeFileSync(join(bin, 'keyctl'), `#!/bin/sh\nexec '${process.execPath}' '${BINARY}' "$@"\n`);
    chmodSync(join(bin, 'keyctl'), 0o755);
    this.#env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: home.folder, KEYCTL_DB: home.db, ...home.env, ...env };
  }

  blocks(heading: string): readonly string[] {
    return shellBlocks(section(this.text, heading));
  }

  /** Runs a script as one of the page's blocks would be. */
  run(script: string, stdin = ''): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const child = spawn('/bin/sh', ['-e', '-c', `${this.#remembered}\n${script}`], { env: this.#env, cwd: this.folder, stdio: 'pipe' });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += String(chunk)));
      child.stderr.on('data', (chunk) => (stderr += String(chunk)));
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({ code, stdout, stderr });
      });
      // A block that reads nothing may be over before it is written.
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
    });
  }

  /** Runs the blocks under a heading, each of which has to succeed; what they print. */
  async follow(heading: string, stdin = ''): Promise<string> {
    const found = this.blocks(heading);
    expect(found.length).toBeGreaterThan(0);
    let printed = '';
    for (const block of found) printed += await this.followBlock(block, stdin);
    return printed;
  }

  /** The same for one block. */
  async followBlock(block: string, stdin = ''): Promise<string> {
    const { code, stdout, stderr } = await this.run(block, stdin);
    expect({ block, code, stderr: code === 0 ? '' : stderr }).toEqual({ block, code: 0, stderr: '' });
    if (/^[A-Z]+=/.test(block)) this.#remembered += block;
    // SECURITY: nothing that a page has anybody do shows a secret again.
    for (const secret of this.secrets) expect(stdout + stderr).not.toContain(secret);
    return stdout;
  }

  /** Every block of the page stands under one of the headings. */
  expectFollowed(headings: readonly string[]): void {
    const all = [...this.text.matchAll(/^```sh$/gm)].length;
    expect(headings.flatMap((heading) => this.blocks(heading))).toHaveLength(all);
    expect(all).toBeGreaterThan(0);
  }
}
