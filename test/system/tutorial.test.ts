import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { shellBlocks } from '../followed-page.ts';
import { BINARY } from '../harness.ts';
import { page, section } from '../markdown.ts';
import { Installation } from './installation.ts';
import { programPath } from './programs.ts';
import { eventually, freePort } from './running.ts';

// docs/tutorial.md, pasted block by block into one bash, with a real nginx and a real API; only the ports are others.

const LONG_MS = 480_000;
const TUTORIAL = page('docs/tutorial.md');
const PORTS = ['8080', '3000', '8000', '9090'];

let home: Installation;

beforeEach(() => {
  programPath('nginx');
  home = new Installation();
});

/** What a failure in the middle of the page leaves running is ended by the ids that the page has noted down. */
afterEach(() => {
  const folder = join(home.folder, 'keyctl-tutorial');
  for (const name of existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.pid')) : []) {
    try {
      process.kill(Number(readFileSync(join(folder, name), 'utf8')));
    } catch {
      // It has ended already.
    }
  }
  home.remove();
});

/** One interactive reader: what each block prints comes back before the next is pasted. */
class Reader {
  readonly #child;
  #output = '';
  #wake: () => void = () => undefined;

  constructor(env: Readonly<Record<string, string>>, folder: string) {
    this.#child = spawn('bash', ['--norc', '--noprofile'], { env, cwd: folder, stdio: 'pipe' });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk) => {
        this.#output += String(chunk);
        this.#wake();
      });
    }
  }

  /** Pastes a block and resolves with what it printed; a block whose last command failed rejects. */
  async paste(block: string): Promise<string> {
    const from = this.#output.length;
    this.#child.stdin.write(`${block}\necho "end of block $?"\n`);
    for (;;) {
      const printed = this.#output.slice(from);
      const end = /^end of block (\d+)$/m.exec(printed);
      if (end !== null) {
        expect({ block, code: end[1], printed: end[1] === '0' ? '' : printed }).toEqual({ block, code: '0', printed: '' });
        return printed.slice(0, end.index);
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  leave(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      this.#child.stdin.end();
    });
  }
}

async function freePorts(): Promise<(block: string) => string> {
  const free = new Map<string, string>();
  for (const port of PORTS) free.set(port, String(await freePort()));
  return (block) => block.replaceAll(/(?<=127\.0\.0\.1:|--port |listen\(|alerts\.seen )\d{4}\b/g, (port) => free.get(port) ?? port);
}

test(
  'the tutorial can be pasted as it stands, to its end',
  async () => {
    const withPorts = await freePorts();
    const bin = join(home.folder, 'bin');
    mkdirSync(bin);
    symlinkSync(BINARY, join(bin, 'keyctl'));
    chmodSync(BINARY, 0o755);
    const path = [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
    const reader = new Reader({ PATH: path, HOME: home.folder }, home.folder);
    const printed: Record<string, string> = {};
    const headings = [...TUTORIAL.matchAll(/^## (\d\. .*)$/gm)].map(([, heading = '']) => heading);
    let secrets: readonly string[] = [];
    for (const heading of headings) {
      printed[heading] = '';
      for (const block of shellBlocks(section(TUTORIAL, `## ${heading}`))) printed[heading] += await reader.paste(withPorts(block));
      const folder = join(home.folder, 'keyctl-tutorial');
      secrets = ['acme.key', 'globex.key', 'initech.key', 'alerts.secret'].flatMap((name) =>
        existsSync(join(folder, name)) ? [readFileSync(join(folder, name), 'utf8').trim()] : secrets,
      );
      // SECURITY: nothing that the page has anybody do shows a secret.
      for (const secret of secrets) expect(printed[heading]).not.toContain(secret);
    }
    await reader.leave();
    expect(printed['2. The first key']).toMatch(/^Admitted$/m);
    const seen = printed['4. What a client sees'] ?? '';
    expect(seen).toContain('"code":"missing_api_key"');
    expect(seen).toMatch(/x-credits-available: 99900/i);
    expect(seen).toContain('hello acme, this is /hello');
    expect(seen).toMatch(/^(?:200 ){4,}.*429 /m);
    expect(seen).toMatch(/^403$/m);
    const tiers = printed['5. Tiers'] ?? '';
    expect(tiers).toMatch(/^(?:200 ){10}402 $/m);
    expect(tiers).toContain('hello globex');
    expect(printed['6. An alert before the credits are gone']).toMatch(/^initech has spent 75 % of its credits of .*; 200 remain\.$/m);
    expect(printed['7. Look around']).toMatch(/\t11\t1100\t/);
    expect(existsSync(join(home.folder, 'keyctl-tutorial'))).toBe(false);
    await eventually(async () => {
      await expect(fetch(withPorts('http://127.0.0.1:8000/'))).rejects.toThrow();
    });
  },
  LONG_MS,
);
