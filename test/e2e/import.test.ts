import Database from 'better-sqlite3';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BINARY, contentsOf, keyctl, type Outcome } from '../harness.ts';
import { page, section } from '../markdown.ts';
import { sha256 } from '../operations/import-fixture.ts';
import { Installation } from '../system/installation.ts';
import { eventually, start, type Running } from '../system/running.ts';

// Imports by the real binary, beside a real server, and what is left when one is killed.

const LONG_MS = 480_000;
const PAGE = page('docs/import.md');

let home: Installation;
let running: Running[];

beforeEach(() => {
  home = new Installation();
  running = [];
});

afterEach(async () => {
  for (const process of running) await process.stop();
  home.remove();
});

const run = (argv: readonly string[], stdin = ''): Promise<Outcome> => keyctl(argv, { db: home.db, stdin });

async function serve(): Promise<(apiKey: string) => Promise<number>> {
  const { process, port } = await home.serve([]);
  running.push(process);
  return async (apiKey) => (await fetch(`http://127.0.0.1:${String(port)}/verify`, { headers: { 'X-API-Key': apiKey } })).status;
}

function file(name: string, text: string): string {
  const path = join(home.folder, name);
  writeFileSync(path, text);
  return path;
}

describe('docs/import.md', () => {
  const blocks = (heading: string, language: string): readonly string[] =>
    [...section(PAGE, heading).matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, block = '']) => block);

  test(
    'says how to move in, and what it prints',
    async () => {
      const [csv = ''] = blocks('## Moving in', 'csv');
      file('customers.csv', csv);
      file('one-customers-key.txt', 'acme-shop-9w4k2n7x\n');
      await home.run(['create', '--name', 'own']);
      const [commands = ''] = blocks('## Moving in', 'sh');
      const { code, stdout, stderr } = await shell(commands);
      expect([code, stderr]).toEqual([0, '']);
      const told = stdout.split('\n');
      expect(section(PAGE, '## Moving in')).toContain(`\`${told[0] ?? ''}\``);
      expect(told[1]).toBe('Imported 3 keys, 2 accounts.');
      expect(stdout).toMatch(/^Admitted$/m);
      expect(stdout).toMatch(/^External id: +C-1001$/m);
      const [batch = ''] = /imp_[a-z0-9]{20}/.exec(stdout) ?? [];
      const [undo = ''] = blocks('## Taking it back', 'sh');
      // In place of the page's own example.
      expect((await shell(undo.replace(/imp_[a-z0-9]+/, batch))).stdout).toContain('Took back 3 keys');
      expect((await run(['verify'], 'acme-shop-9w4k2n7x')).code).toBe(5);
      const [wrong = ''] = blocks('## Moving in', 'text');
      const bad = csv
        .split('\n')
        .map((line, place) => (place === 2 ? line.replace(/[0-9a-f]{64}/, 'oops') : place === 3 ? line.replace(',,', ',gold,') : line));
      const refused = await run(['import', file('bad.csv', bad.join('\n'))]);
      expect([refused.code, refused.stderr + refused.stdout]).toEqual([1, expect.stringContaining(wrong.split('\n').at(-2) ?? 'nothing')]);
      for (const line of wrong.trim().split('\n').slice(0, -1)) expect(refused.stderr).toContain(line);
    },
    LONG_MS,
  );

  function shell(script: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      file('keyctl', `#!/bin/sh\nexec '${process.execPath}' '${BINARY}' "$@"\n`);
      const env = { PATH: `${home.folder}:${process.env['PATH'] ?? ''}`, HOME: home.folder, KEYCTL_DB: home.db };
      const child = spawn('/bin/sh', ['-e', '-c', `chmod 755 ./keyctl\n${script}`], { env, cwd: home.folder, stdio: 'pipe' });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += String(chunk)));
      child.stderr.on('data', (chunk) => (stderr += String(chunk)));
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({ code, stdout, stderr });
      });
      child.stdin.end();
    });
  }
});

test(
  'a server admits an imported key of another form, and no more when it is disabled or taken back',
  async () => {
    const [shop, app, stranger] = ['legacy-shop-2f9c7a41', 'legacy-app-8d3e6b50', 'legacy-nobody-1a2b3c4d'];
    await home.run(['create', '--name', 'own']);
    const ask = await serve();
    expect(await ask(shop)).toBe(401);
    const told = [await run(['import', '-'], `account,name,key\nacme,shop,${shop}\nacme,app,${app}\n`)];
    expect(told[0]?.code).toBe(0);
    const [batch = ''] = /imp_[a-z0-9]{20}/.exec(told[0]?.stdout ?? '') ?? [];
    // Until it looks again, within a second, the server refuses other forms than its own without asking the store.
    await eventually(async () => {
      expect(await ask(shop)).toBe(200);
    });
    expect(await Promise.all([ask(app), ask(stranger), ask('two words')])).toEqual([200, 401, 401]);
    told.push(await run(['disable', '-', '--reason', 'leaked'], shop));
    expect(await Promise.all([ask(shop), ask(app)])).toEqual([403, 200]);
    told.push(await run(['import', 'undo', batch]));
    expect(await Promise.all([ask(shop), ask(app)])).toEqual([401, 401]);
    told.push(
      await run(['import', 'undo', batch]),
      await run(['view', app]),
      await run(['audit', '--json']),
      await run(['list', '--status', 'all', '--json']),
    );
    expect(told.map(({ code }) => code)).toEqual([0, 0, 0, 4, 3, 0, 0]);
    told.push(await run(['export', '--out', join(home.folder, 'all.jsonl')]));
    const kept = [...contentsOf(home.folder).values()].map((content) => content.toString('latin1'));
    for (const secret of [shop, app, stranger]) {
      for (const text of [...told.map(({ stdout, stderr }) => stdout + stderr), ...running.map((process) => process.output()), ...kept]) {
        expect(text).not.toContain(secret);
      }
    }
  },
  LONG_MS,
);

const keysAndAccounts = (): Promise<readonly string[]> =>
  Promise.all([home.run(['list', '--status', 'all', '--json']), home.run(['account', 'list', '--json'])]);

/** Kills an import of so many lines in its middle. Null if it was done before. */
async function importAndKill(lines: number): Promise<{ path: string; before: readonly string[] } | null> {
  const rows = Array.from({ length: lines }, (_, n) => `customer-${String(n % 1_500)},key ${String(n)},${sha256(`secret-${String(n)}`)}\n`);
  const path = file('many.csv', `account,name,sha256\n${rows.join('')}`);
  await home.run(['create', '--name', 'own']);
  const before = await keysAndAccounts();
  const killed = start(process.execPath, [BINARY, 'import', path], { KEYCTL_DB: home.db });
  running.push(killed);
  const db = new Database(home.db, { readonly: true });
  try {
    await eventually(() => {
      expect(db.prepare('SELECT keys FROM imports WHERE keys > 100').pluck().get()).toBeGreaterThan(100);
    }, 5);
    killed.signal('SIGKILL');
    await killed.stop();
    return db.prepare('SELECT count(*) FROM imports WHERE done_at IS NULL').pluck().get() === 1 ? { path, before } : null;
  } finally {
    db.close();
  }
}

test(
  'killed in the middle it leaves nothing that anybody sees, and a rerun works',
  async () => {
    let lines = 6_000;
    let killed = await importAndKill(lines);
    // On a busy machine the look may come when it is done; a longer one gives it more time.
    while (killed === null) {
      home.remove();
      home = new Installation();
      lines *= 2;
      killed = await importAndKill(lines);
    }
    const { path, before } = killed;
    const ask = await serve();
    expect(await ask('secret-0')).toBe(401);
    expect((await run(['verify'], 'secret-0')).code).toBe(5);
    expect(await keysAndAccounts()).toEqual(before);
    const { code, stdout } = await run(['import', path, '--json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { keys: lines, accounts: 1_500, problemCount: 0 }]);
    expect((await run(['verify'], `secret-${String(lines - 1)}`)).code).toBe(0);
    await eventually(async () => {
      expect(await ask('secret-0')).toBe(200);
    });
    expect((await run(['doctor', '--quiet'])).code).toBe(0);
  },
  LONG_MS,
);
