import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKS } from '../../src/domain/finding.ts';
import { checkProgram } from '../../src/operations/check-program.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { BINARY, keyctl, temporaryFolder, temporaryStore } from '../harness.ts';
import { page, section, tableOf } from '../markdown.ts';
import { addAccount, charge } from '../operations/account-fixture.ts';
import { tamper } from '../operations/doctor-fixture.ts';
import { runReset } from '../operations/reset-fixture.ts';
import { temporaryDatabase } from '../postgres/database.ts';
import { eventually, start } from '../system/running.ts';
import { piped } from './piped-call.ts';
import { atTerminal } from './scripted-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const DAY = 86_400_000;

let opened: Awaited<ReturnType<typeof temporaryStore>>;

beforeEach(async () => {
  opened = await temporaryStore(new Date(NOON).toISOString());
});

afterEach(() => opened.cleanUp());

interface Shown {
  readonly ok: boolean;
  readonly errors: number;
  readonly findings: readonly Record<string, unknown>[];
  readonly leftOut: readonly string[];
  readonly looked: Record<string, number> | null;
}

async function shown(...argv: string[]): Promise<Shown & { readonly code: number | null }> {
  const { code, stdout } = await piped(['doctor', '--json', ...argv], opened);
  return { code, ...(JSON.parse(stdout) as Shown) };
}

const found = ({ findings }: Shown, severity: string): unknown[] =>
  findings.filter((finding) => finding['severity'] === severity && finding['id'] !== 'filesystem').map(({ id }) => id);

describe('keyctl doctor', () => {
  test('tells every check in its order, and exits 0 where all holds', async () => {
    await charge(opened.store, 'default', 3);
    const diagnosis = await shown();
    expect(diagnosis).toMatchObject({ code: 0, ok: true, errors: 0, store: opened.path, at: '2026-11-22T12:00:00.000Z', quick: false });
    expect(diagnosis.findings.map(({ id }) => id)).toEqual(CHECKS);
    expect(diagnosis.leftOut).toEqual([]);
    expect(diagnosis.looked).toEqual({ accounts: 1, days: 1, books: 1, debits: 3, requestIds: 0 });
    for (const finding of diagnosis.findings) expect(Object.keys(finding)).toEqual(['id', 'severity', 'message', 'hint', 'account', 'day']);
  });

  test('exits 1 where something does not, and says which account and what to do', async () => {
    await addAccount(opened.store, 'acme');
    await charge(opened.store, 'acme', 3);
    await opened.store.write((tx) => tx.usage.fold(10));
    await opened.store.close();
    tamper(opened.path, 'UPDATE running_days SET spent = 200');
    const diagnosis = await shown();
    expect(diagnosis).toMatchObject({ code: 1, ok: false, errors: 3 });
    expect(diagnosis.findings.find(({ id }) => id === 'debits')).toEqual({
      id: 'debits',
      severity: 'error',
      message: 'acme on 2026-11-22: 200 credits spent, but its debits less refunds come to 300.',
      hint: expect.stringContaining('keyctl debits --account acme --since 2026-11-22 --until 2026-11-23'),
      account: 'acme',
      day: '2026-11-22',
    });
    const { code, stdout } = await atTerminal(['doctor'], [], opened);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^error +debits +acme on 2026-11-22: 200 credits/m);
    expect(stdout).toContain('3 errors.');
  });

  test('a store that is missing or damaged is a finding', async () => {
    const missing = await keyctl(['doctor', '--json'], { db: `${opened.path}.none` });
    expect({ code: missing.code, stderr: missing.stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(missing.stdout)).toMatchObject({ ok: false, errors: 1, looked: null });
    writeFileSync(`${opened.path}.bad`, Buffer.alloc(10_000, 'x'), { mode: 0o600 });
    const { code, stdout } = await keyctl(['doctor'], { db: `${opened.path}.bad` });
    expect(code).toBe(1);
    expect(stdout).toContain('is not a keyctl store');
  });

  test('--quick says what it left out', async () => {
    const diagnosis = await shown('--quick');
    expect(diagnosis).toMatchObject({ code: 0, ok: true, looked: null });
    expect(diagnosis.leftOut).toHaveLength(3);
    expect((await piped(['doctor', '--quick'], opened)).stdout).toContain('not looked at: ');
  });

  test('--fields chooses among its fields', async () => {
    expect((await piped(['doctor', '--fields', 'ok,errors'], opened)).stdout).toBe('{"ok":true,"errors":0}\n');
    expect((await piped(['doctor', '--fields', 'secret'], opened)).code).toBe(2);
  });

  test('docs/cli.md has every check', () => {
    const text = section(page('docs/cli.md'), '### keyctl doctor');
    const rows = tableOf(text.slice(text.indexOf('| check |')));
    expect(rows.map(([id]) => id)).toEqual(CHECKS);
  });
});

describe('over PostgreSQL', () => {
  const text = section(page('docs/cli.md'), '### keyctl doctor');
  const special = tableOf(text.slice(text.indexOf('| check | over PostgreSQL')));
  const [, listed = ''] = /there is no file of keyctl's to look at: (.+) are left out/.exec(text) ?? [];
  const left = [...listed.matchAll(/`(\w+)`/g)].map(([, id]) => id);

  test('docs/cli.md says which checks are left out, what others are, and which settings of the server they look at', async () => {
    const { url, cleanUp } = await temporaryDatabase();
    await (await openStore({ location: url, mode: 'create', clock: Date.now, randomBytes, busyTimeoutMs: 2_000 })).store.close();
    const ids = async (...options: string[]): Promise<readonly string[]> => {
      const { code, stdout } = await keyctl(['doctor', '--json', ...options], { db: url });
      const diagnosis = JSON.parse(stdout) as Shown;
      expect([code, found(diagnosis, 'error')]).toEqual([0, []]);
      return [...new Set(diagnosis.findings.map(({ id }) => String(id)))];
    };
    const [all, quick] = [await ids(), await ids('--quick')];
    await cleanUp();
    expect(all).toEqual(CHECKS.filter((id) => !left.includes(id)));
    // What of it is not proved by an operation is looked at by the store itself.
    expect(special.map(([id]) => id)).toEqual(CHECKS.slice(0, CHECKS.indexOf('books')).filter((id) => !left.includes(id)));
    for (const [id = '', meaning, quickly] of special) {
      expect(meaning).not.toBe('');
      expect([id, quick.includes(id)]).toEqual([id, quickly === 'yes']);
    }
    const source = page('src/stores/postgres/inspect.ts');
    const settings = [...source.matchAll(/current_setting\('(\w+)'\)/g)].map(([, name]) => name);
    expect(settings.length).toBeGreaterThan(3);
    for (const name of settings) expect(special.find(([id]) => id === 'durability')?.[1]).toContain(name);
  });
});

describe('warnings, with exit 0', () => {
  test('a reset that never ran, or late, or left days open', async () => {
    expect(found(await shown(), 'warning')).toEqual([]);
    opened.clock.now = NOON + 2 * DAY;
    expect(found(await shown(), 'warning')).toEqual(['reset']);
    await runReset(opened.store);
    expect(found(await shown(), 'warning')).toEqual([]);
    opened.clock.now += 37 * 3_600_000;
    expect(await shown()).toMatchObject({ code: 0, ok: true, warnings: 1 });
    tamper(
      opened.path,
      `INSERT INTO resets (at, day) VALUES (${String(opened.clock.now)}, ${String(opened.clock.now / DAY)})`.replace(/\.\d+\)/, ')'),
    );
    const late = await shown();
    expect(found(late, 'warning')).toEqual(['reset']);
    expect(late.findings.find(({ id }) => id === 'reset')?.['message']).toContain('closed only through');
  });

  test('a clock that ran ahead and is back: debits, books, a reset and closed days of days to come', async () => {
    await charge(opened.store, 'default', 3);
    opened.clock.now = NOON + 3 * DAY;
    await charge(opened.store, 'default', 2);
    await runReset(opened.store);
    opened.clock.now = NOON + 3_600_000;
    await charge(opened.store, 'default', 1);
    const diagnosis = await shown();
    expect(diagnosis).toMatchObject({ code: 0, ok: true });
    expect(found(diagnosis, 'warning')).toEqual(['clock', 'clock']);
    const [ahead, back] = diagnosis.findings.filter(({ id }) => id === 'clock').map(({ message }) => String(message));
    expect(ahead).toContain('the last reset is of 2026-11-25T12:00:00.000Z');
    expect(ahead).toContain('there are books of days to come: 2026-11-25; days are closed through 2026-11-24');
    expect(back).toContain(`up to ${String((3 * DAY - 3_600_000) / 1_000)} s behind`);
    expect(found(await shown('--quick'), 'warning')).toEqual(['clock']);
  });
});

describe('which keyctl a shell runs', () => {
  const program = (folder: string, text: string): string => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'keyctl'), text, { mode: 0o755 });
    return folder;
  };

  test('this one, none, another, or this one before another', () => {
    const { path, cleanUp } = temporaryFolder();
    const [own, other, plain] = ['own', 'other', 'plain'].map((name) => join(path, name)) as [string, string, string];
    mkdirSync(own);
    symlinkSync(BINARY, join(own, 'keyctl'));
    program(other, '\u007fELF and so on');
    program(plain, 'not to be run');
    chmodSync(join(plain, 'keyctl'), 0o644);
    const told = (...folders: string[]): [string, string] => {
      const { severity, message } = checkProgram(folders.join(':'), BINARY);
      return [severity, message];
    };
    expect(checkProgram(undefined, BINARY).severity).toBe('ok');
    expect(told(plain, own)).toEqual(['ok', `keyctl is ${join(own, 'keyctl')}.`]);
    expect(told(other, own)).toEqual(['warning', expect.stringContaining('keyutils')]);
    expect(told(own, other)).toEqual(['warning', expect.stringContaining(`hides ${join(other, 'keyctl')}`)]);
    cleanUp();
  });

  test('is told', async () => {
    const { path, cleanUp } = temporaryFolder();
    const env = { PATH: `${program(join(path, 'bin'), '\u007fELF')}:${process.env['PATH'] ?? ''}` };
    const { stdout, code } = await keyctl(['doctor', '--quick', '--json'], { db: opened.path, env });
    expect(code).toBe(0);
    expect(found(JSON.parse(stdout) as Shown, 'warning')).toContain('program');
    cleanUp();
  });
});

describe('beside processes that never stop charging', () => {
  test('every look finds all as it should be, and so it is when they were killed', async () => {
    await opened.store.write((tx) => tx.tiers.insert('endless', 1e12, 0));
    const names = ['acme', 'globex'];
    for (const name of names) await addAccount(opened.store, name, 'endless');
    await opened.store.close();
    const env = { HOME: join(opened.path, '..'), KEYCTL_DB: opened.path };
    const look = async (...options: string[]): Promise<number> => {
      const { code, stdout } = await keyctl(['doctor', '--json', ...options], { db: opened.path });
      const diagnosis = JSON.parse(stdout) as Shown;
      // The store was made by a clock of a year to come, or gone by, and this is the host's.
      expect([code, found(diagnosis, 'error')]).toEqual([0, []]);
      return diagnosis.looked?.['debits'] ?? 0;
    };
    const running = names.map((name) =>
      start(process.execPath, [BINARY, 'charge', '--account', name, '--requests', '1000000', '--actor', 'load'], env),
    );
    try {
      let seen = await eventually(async () => {
        const debits = await look();
        expect(debits).toBeGreaterThan(0);
        return debits;
      });
      for (let turn = 0; turn < 2; turn += 1) {
        if (turn === 1) expect((await keyctl(['reset'], { db: opened.path })).code).toBe(0);
        await look('--quick');
        const debits = await look();
        expect(debits).toBeGreaterThan(seen);
        seen = debits;
      }
    } finally {
      for (const each of running) {
        each.signal('SIGKILL');
        await each.stop();
      }
    }
    await look();
  });
});
