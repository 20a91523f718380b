import Database from 'better-sqlite3';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SCHEMA_VERSION } from '../../src/stores/sqlite/schema.ts';
import { temporaryFolder } from '../harness.ts';
import { proveBooks } from '../proved-books.ts';
import { eventually, type Running } from '../system/running.ts';
import type { Filled } from './fill.ts';
import { insist, load } from './load.ts';
import { Program, type Server } from './program.ts';

// Two releases on one store: the earlier one makes and fills it, the later one upgrades it, both go on. The earlier releases are built from
// the present sources without their later migrations, and so is one that comes after the present.

const ADDS = 'CREATE TABLE to_come (one INTEGER PRIMARY KEY) STRICT;';
const PAIRS = [...Array.from({ length: SCHEMA_VERSION - 1 }, (_, index) => String(index + 1)), 'present'];
/** A test starts many processes, on a machine that may be busy. */
const LONG_MS = 480_000;

let folder: ReturnType<typeof temporaryFolder>;
const programs = new Map<string, Program>();
const running: Running[] = [];

beforeAll(async () => {
  folder = temporaryFolder();
  for (const schema of PAIRS.slice(0, -1)) programs.set(schema, await Program.build(join(folder.path, schema), schema));
  programs.set('next', await Program.build(join(folder.path, 'next'), '+1', ADDS));
  programs.set('present-scripts', await Program.build(join(folder.path, 'present'), String(SCHEMA_VERSION)));
  programs.set('breaking', await Program.build(join(folder.path, 'breaking'), `+${String(SCHEMA_VERSION + 1)}`, ADDS));
}, LONG_MS);

afterAll(async () => {
  for (const process of running) await process.stop();
  folder.cleanUp();
});

function program(name: string): Program {
  const found = name === 'present' ? Program.present() : programs.get(name);
  if (found === undefined) throw new RangeError(`no program ${name}`);
  return found;
}

const later = (earlier: string): Program => (earlier === 'present' ? program('next') : Program.present());
/** The same program with the scripts that fill and read a store, which the present one is not built with. */
const scripted = (name: string): Program => program(name === 'present' ? 'present-scripts' : name);

async function serve(by: Program, db: string): Promise<Server> {
  const server = await by.serve(db);
  running.push(server.process);
  return server;
}

function schemaOf(db: string): unknown[] {
  const file = new Database(db, { readonly: true });
  try {
    return file.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name").all();
  } finally {
    file.close();
  }
}

interface Made {
  readonly db: string;
  readonly filled: readonly Filled[];
}

const made = new Map<string, Promise<Made>>();

/** The store that the earlier program made, once for all tests; they work on copies of it. */
function storeOf(earlier: string): Promise<Made> {
  const db = join(folder.path, `store-${earlier}.db`);
  const store =
    made.get(earlier) ??
    scripted(earlier)
      .fill<readonly Filled[]>(db)
      .then((filled) => ({ db, filled }));
  made.set(earlier, store);
  return store;
}

async function copyOf(earlier: string, name: string): Promise<{ path: string; filled: readonly Filled[] }> {
  const { db, filled } = await storeOf(earlier);
  const path = join(folder.path, `${name}-${earlier}.db`);
  copyFileSync(db, path);
  return { path, filled };
}

describe.each(PAIRS)('a store of schema %s', (earlier) => {
  test(
    'is refused by the later program, in every way, and not touched, until it is upgraded',
    async () => {
      const { path, filled } = await copyOf(earlier, 'refused');
      const before = readFileSync(path);
      for (const argv of [
        ['list'],
        ['charge', '--account', 'acme'],
        ['verify'],
        ['reset'],
        ['create', '--name', 'x'],
        ['serve', '--port', '0'],
        ['audit'],
      ]) {
        const { code, stderr } = await later(earlier).call(path, [...argv, '--json'], filled[0]?.apiKey);
        expect([argv, code, JSON.parse(stderr)]).toMatchObject([argv, 1, { error: { code: 'store_older' } }]);
        expect(stderr).toContain('keyctl upgrade');
      }
      expect(readFileSync(path).equals(before)).toBe(true);
    },
    LONG_MS,
  );

  test(
    'upgrades after its backup and keeps all that it had; the backup is a store of the earlier program',
    async () => {
      const { path } = await copyOf(earlier, 'upgraded');
      const before = await scripted(earlier).read(path);
      const upgrade = (await later(earlier).json(path, 'upgrade')) as { from: number; to: number; backup: string };
      expect(upgrade.to).toBeGreaterThan(upgrade.from);
      const after = await scripted(earlier === 'present' ? 'next' : 'present').read(path);
      const trail = [expect.objectContaining({ action: 'store.upgrade' }), ...(before['audit'] as unknown[])];
      expect(after).toEqual({ ...before, audit: trail });
      expect((await proveBooks(path)).faults).toEqual([]);
      expect(statSync(upgrade.backup).mode & 0o777).toBe(0o600);
      expect(await scripted(earlier).read(upgrade.backup)).toEqual(before);
      // Upgraded or new, it is the same.
      const fresh = join(folder.path, `fresh-${earlier}.db`);
      await later(earlier).does(fresh, 'create', '--name', 'x');
      expect(schemaOf(path)).toEqual(schemaOf(fresh));
    },
    LONG_MS,
  );
});

// Two releases that follow each other: an operator who upgrades has both running for a while.
describe.each(PAIRS.slice(-2))('beside each other on a store of schema %s', (earlier) => {
  test(
    'under load: the earlier server goes on through the upgrade and after a restart, beside the later one, and no verdict is wrong',
    async () => {
      const { path, filled } = await copyOf(earlier, 'loaded');
      const [old, young] = [program(earlier), later(earlier)];
      const loads = await load(old, path, filled);
      const first = await serve(old, path);
      const clients = loads.clients(() => [first]);
      await eventually(() => expect(loads.admitted()).toBeGreaterThan(20));
      expect(await young.json(path, 'upgrade')).toMatchObject({ backup: expect.any(String) });
      const second = await serve(young, path);
      await clients.stop();

      // What one of them decides holds at the other from the next request on.
      const both = loads.clients(() => [first, second]);
      for (const [by, at] of [
        [young, first],
        [old, second],
      ] as const) {
        const apiKey = await by.does(path, 'create', '--account', 'open', '--name', `by-${by.name}`);
        expect(await at.verify(apiKey)).toBe('ok');
        await by.does(path, 'disable', `open/by-${by.name}`);
        expect(await at.verify(apiKey)).toBe('api_key_disabled');
        await by.does(path, 'tier', 'edit', 'brief', '--daily-credits', by === young ? '700' : '1200', '--now');
      }
      // 5 of before, and 7 more, wherever they are asked for.
      const races = await Promise.all(Array.from({ length: 40 }, (_, turn) => insist(turn % 2 === 0 ? first : second, loads.brief)));
      expect(races.filter((code) => code === 'ok')).toHaveLength(7);
      expect(new Set(races)).toEqual(new Set(['ok', 'insufficient_credits']));
      await eventually(() => expect(loads.admitted()).toBeGreaterThan(60));
      await both.stop();

      // Restarted, it goes on, and so does its shell.
      expect(await first.process.stop()).toBe(0);
      const third = await serve(old, path);
      const last = loads.clients(() => [second, third]);
      for (const line of ['list', 'audit', 'status', 'charge --account open', 'reset', 'credit +100 --account open --reason x', 'upgrade'])
        await old.does(path, ...line.split(' '));
      await eventually(() => expect(loads.admitted()).toBeGreaterThan(80));
      await last.stop();
      for (const server of [second, third]) expect(await server.process.stop()).toBe(0);

      expect(loads.wrong()).toEqual([]);
      const { faults, debits } = await proveBooks(path);
      expect(faults).toEqual([]);
      const mine = debits.filter(({ account, keyName }) => account === 'open' && keyName === 'main').length;
      expect(mine).toBeGreaterThanOrEqual(loads.admitted());
      expect(mine).toBeLessThanOrEqual(loads.admitted() + loads.unanswered());
    },
    LONG_MS,
  );
});

describe('a release older than the store can bear', () => {
  test(
    'is refused in every way; a server of it that runs answers 503 from the upgrade on, and admits nobody',
    async () => {
      const db = join(folder.path, 'breaking.db');
      const [old, young] = [Program.present(), program('breaking')];
      const apiKey = await old.does(db, 'create', '--name', 'prod');
      const server = await serve(old, db);
      expect(await server.verify(apiKey)).toBe('ok');
      await young.does(db, 'upgrade');
      for (let turn = 0; turn < 3; turn += 1) expect(await server.verify(apiKey)).toBe('store_unavailable');
      for (const argv of [
        ['list'],
        ['charge'],
        ['verify'],
        ['disable', 'prod'],
        ['serve', '--port', '0'],
        ['audit'],
        ['upgrade'],
        ['create', '--name', 'x'],
      ]) {
        const { code, stderr } = await old.call(db, [...argv, '--json'], apiKey);
        expect([argv, code, JSON.parse(stderr)]).toMatchObject([argv, 1, { error: { code: 'store_newer' } }]);
      }
      const next = await serve(young, db);
      expect(await next.verify(apiKey)).toBe('ok');
      expect((await young.json(db, 'debits')) as unknown[]).toHaveLength(2);
      await server.process.stop();
      expect(await next.process.stop()).toBe(0);
    },
    LONG_MS,
  );
});
