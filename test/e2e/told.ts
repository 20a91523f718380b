import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:net';
import { expect } from '@jest/globals';
import { contentsOf, keyctl, type Outcome } from '../harness.ts';
import { keysIn, Secrets } from '../secrets.ts';

/** All that one store's keyctl told, by whichever way, and the secrets that must not be in it. */
export class Told {
  readonly secrets = new Secrets();
  readonly #digests: string[] = [];
  readonly #pieces: { readonly by: string; readonly text: string }[] = [];
  readonly #db: string;
  bytes = 0;

  constructor(db: string) {
    this.#db = db;
  }

  secret(text: string): string {
    const digest = createHash('sha256').update(text).digest();
    this.#digests.push(digest.toString('hex'), digest.toString('base64'), digest.toString('base64url'));
    return this.secrets.add(text);
  }

  hear(by: string, text: string): string {
    this.#pieces.push({ by, text });
    return text;
  }

  /** Runs a command, keeps what it tells, and returns it. */
  async run(args: readonly string[], stdin = ''): Promise<Outcome> {
    const outcome = await keyctl(args, { db: this.#db, stdin, env: { KEYCTL_DEBUG: '1' } });
    this.hear(args.join(' '), `${outcome.stdout}\n${outcome.stderr}`);
    return outcome;
  }

  /** Runs a command that shows a new secret, where it belongs: alone, or as `apiKey`, or in the file of --out. Returns it. */
  async show(args: readonly string[], file?: string): Promise<string> {
    const { code, stdout, stderr } = await keyctl(args, { db: this.#db });
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    const [apiKey = ''] = keysIn(file === undefined ? stdout : readFileSync(file, 'utf8'));
    expect(apiKey).not.toBe('');
    this.secret(apiKey);
    this.hear(args.join(' '), `${stdout.replace(apiKey, '')}\n${stderr}`);
    return apiKey;
  }

  /** Sends bytes on a connection of its own and keeps all that comes back until the server ends it. */
  raw(port: number, bytes: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => (text += chunk));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(this.hear('an answer', text));
      });
      socket.write(bytes, 'latin1');
    });
  }

  /** By whom a secret, a piece of one, or its digest was told. */
  leaks(): readonly string[] {
    return this.#pieces.flatMap(({ by, text }) => {
      this.bytes += text.length;
      const digests = this.#digests.some((digest) => text.includes(digest)) ? ['a digest'] : [];
      return [...this.secrets.findIn(text), ...digests].map((what) => `${this.secrets.findIn(by).length > 0 ? 'a command' : by}: ${what}`);
    });
  }

  /** Which files below a folder hold a secret, but for those that are named: those hold one because they were told to. */
  leaksInFiles(folder: string, allowed: readonly string[]): readonly string[] {
    return [...contentsOf(folder)].flatMap(([name, content]) => {
      if (allowed.includes(join(folder, name))) return [];
      this.bytes += content.length;
      return this.secrets.findIn(content).map((what) => `${name}: ${what}`);
    });
  }
}
