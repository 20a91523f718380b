import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openStore } from '../../src/stores/open-store.ts';
import type { Store } from '../../src/domain/store.ts';
import { temporaryFolder, type TestClock } from '../harness.ts';
import { jsonOf, trail } from '../operations/account-fixture.ts';
import { spend } from '../operations/key-fixture.ts';
import { proveBooks } from '../proved-books.ts';
import { piped } from './piped-call.ts';
import { atTerminal, type Answers } from './scripted-call.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

/** A store that an operator works on, command by command, and its backups. */
class Bench {
  readonly clock: TestClock = { now: NOON };
  readonly #folder = temporaryFolder();
  readonly path = join(this.#folder.path, 'keyctl.db');
  readonly backup = join(this.#folder.path, 'backup.db');
  readonly lines = join(this.#folder.path, 'audit.jsonl');

  /** Runs a command that has to succeed, a second after the one before. */
  async run(...argv: string[]): Promise<string> {
    this.clock.now += 1_000;
    const { code, stdout, stderr } = await piped(argv, this);
    if (code !== 0) throw new Error(`keyctl ${argv.join(' ')}: ${stderr}`);
    return stdout;
  }

  async json(...argv: string[]): Promise<Record<string, unknown>> {
    return JSON.parse(await this.run(...argv, '--json')) as Record<string, unknown>;
  }

  async key(name: string, ...options: string[]): Promise<string> {
    return (await this.run('create', '--name', name, ...options)).trim();
  }

  restore(...options: string[]): Promise<Record<string, unknown>> {
    return this.json('restore', this.backup, '--yes', ...options);
  }

  async refused(...options: string[]): Promise<readonly [number | null, string]> {
    const { code, stderr } = await piped(['restore', this.backup, ...options], this);
    return [code, stderr];
  }

  atTerminal(answers: Answers, ...options: string[]) {
    return atTerminal(['restore', this.backup, ...options], answers, this);
  }

  async inStore<Result>(act: (store: Store) => Promise<Result>, path = this.path): Promise<Result> {
    const { store } = await openStore({ location: path, mode: 'write', clock: () => this.clock.now, randomBytes, busyTimeoutMs: 2_000 });
    try {
      return await act(store);
    } finally {
      await store.close();
    }
  }

  spend(apiKey: string, times = 1): Promise<readonly string[]> {
    this.clock.now += 1_000;
    return this.inStore((store) => spend(store, apiKey, times));
  }

  /** What `audit --follow --json` has written, from the entry after the number on. */
  async ship(after = 0): Promise<void> {
    const entries = JSON.parse(await this.run('audit', '--json')) as { number: number }[];
    const lines = entries.reverse().filter(({ number }) => number > after);
    writeFileSync(this.lines, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  loseStore(): void {
    for (const name of readdirSync(this.#folder.path)) if (name.startsWith('keyctl.db')) rmSync(join(this.#folder.path, name));
  }

  files(): readonly string[] {
    return readdirSync(this.#folder.path)
      .map((name) => name.replace(/\d{8}T\d{9}Z/, 'T'))
      .sort();
  }

  cleanUp(): void {
    this.#folder.cleanUp();
  }
}

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

afterEach(() => {
  bench.cleanUp();
});

describe('keyctl restore, beside the store that went on from the backup', () => {
  test('what was closed stays closed, what was spent stays spent, what was made stays', async () => {
    const [leaked, gone, turned] = [await bench.key('leaked'), await bench.key('gone'), await bench.key('turned')];
    const [open, brief] = [await bench.key('open'), await bench.key('brief')];
    await bench.run('account', 'create', 'acme');
    const acme = await bench.key('main', '--account', 'acme');
    await bench.spend(open, 3);
    await bench.run('backup', bench.backup);
    await bench.run('disable', 'leaked', '--reason', 'on the net');
    await bench.run('delete', 'gone', '--yes');
    const successor = (await bench.run('rotate', 'turned', '--grace', '0')).trim();
    await bench.run('edit', 'brief', '--expires', '1h');
    await bench.run('account', 'suspend', 'acme');
    const made = await bench.key('made', '--account', 'default');
    await bench.spend(open, 5);
    const spent = await bench.spend(made, 2);
    expect(spent).toEqual(['ok', 'ok']);
    const before = await proveBooks(bench.path);
    const report = await bench.restore();
    expect(report).toMatchObject({
      ...{ store: bench.path, backup: bench.backup, carriedOver: 'everything', gap: null, closed: { keys: 0, accounts: 0 } },
      putBack: { keys: 0, accounts: 0, staysClosed: { keys: 4, accounts: 1 }, madeSince: { keys: 2, accounts: 0 } },
    });
    expect(await proveBooks(bench.path)).toEqual(before);
    const codes = [];
    for (const key of [leaked, gone, turned, acme, open, made, successor, brief]) codes.push(...(await bench.spend(key)));
    const refused = ['api_key_disabled', 'invalid_api_key', 'api_key_disabled', 'account_suspended'];
    expect(codes).toEqual([...refused, 'ok', 'ok', 'ok', 'ok']);
    bench.clock.now += 3_600_000;
    expect(await bench.spend(brief)).toEqual(['api_key_expired']);
    expect(await bench.json('view', 'default/leaked')).toMatchObject({ disabledReason: 'on the net' });
    expect((await bench.inStore((store) => jsonOf(store, 'default')))['credits']).toMatchObject({ spent: 1_400 });
    expect((await proveBooks(bench.path)).faults).toEqual([]);
  });

  test('what operators edited goes back, and the trail says so', async () => {
    await bench.key('prod', '--note', 'for the shop');
    await bench.run('account', 'create', 'acme', '--external-id', '17');
    await bench.run('config', 'set', 'keep-debits', '40d');
    await bench.run('service', 'create', 'mail', '--cost', '50');
    await bench.run('env', 'create', 'staging', '--code', 'stg');
    await bench.run('tier', 'create', 'gold', '--daily-credits', '9000', '--rate', '7/s');
    await bench.run('backup', bench.backup);
    await bench.run('rename', 'prod', 'shop');
    await bench.run('edit', 'shop', '--note', 'other');
    await bench.run('account', 'rename', 'acme', 'emca');
    await bench.run('config', 'set', 'keep-debits', '50d');
    await bench.run('config', 'set', 'keep-request-ids', '48h');
    await bench.run('config', 'set', 'key-prefix', 'xy');
    const other = await bench.key('later', '--account', 'default');
    await bench.run('service', 'edit', 'mail', '--cost', '1');
    await bench.run('env', 'delete', 'staging');
    await bench.run('tier', 'delete', 'gold');
    await bench.run('tier', 'edit', 'free', '--daily-credits', '5', '--rate', '1/s');
    await bench.run('tier', 'create', 'silver', '--daily-credits', '1');
    const { putBack } = await bench.restore();
    expect(putBack).toMatchObject({ keys: 1, accounts: 1, tiers: 2, services: 1, environments: 1, settings: 3, namesTaken: [] });
    expect(await bench.json('view', 'prod')).toMatchObject({ name: 'prod', note: 'for the shop' });
    expect(await bench.json('account', 'view', 'acme')).toMatchObject({ externalId: '17' });
    expect(await bench.run('config', 'get', 'keep-debits')).toBe('40d\n');
    expect(await bench.run('config', 'get', 'keep-request-ids')).toBe('24h\n');
    expect(await bench.key('fresh', '--account', 'default')).toMatch(/^kc_/);
    expect(await bench.spend(other)).toEqual(['ok']);
    const services = JSON.parse(await bench.run('service', 'list', '--json')) as unknown[];
    expect(services).toContainEqual({ name: 'mail', cost: 50, environment: null });
    expect(await bench.run('env', 'list')).toContain('staging');
    expect(await bench.json('tier', 'view', 'gold')).toMatchObject({ limits: [{ requestsPerSecond: 7 }] });
    expect(await bench.json('tier', 'view', 'free')).toMatchObject({ dailyCredits: 100_000, limits: [{ requestsPerSecond: 5 }] });
    expect(await bench.run('tier', 'list')).toContain('silver');
    const entries = await bench.inStore(trail);
    const restored = entries.filter(({ action }) => action.endsWith('.restore'));
    expect(restored.map(({ action, targetName }) => `${action} ${basename(targetName)}`)).toEqual([
      ...['env.restore staging', 'tier.restore free', 'tier.restore gold', 'service.restore mail'],
      ...['config.restore keep-debits', 'config.restore keep-request-ids', 'config.restore key-prefix'],
      ...['account.restore acme', 'key.restore shop', 'store.restore backup.db'],
    ]);
    expect(restored.find(({ action }) => action === 'key.restore')).toMatchObject({
      before: { name: 'shop', note: 'other' },
      after: { name: 'prod', note: 'for the shop' },
    });
    bench.clock.now += 86_400_000;
    expect(await bench.json('account', 'view', 'acme')).toMatchObject({ credits: { granted: 100_000 } });
    expect(await bench.restore()).toMatchObject({ putBack: { keys: 0, accounts: 0, tiers: 0, services: 0, environments: 0, settings: 0 } });
  });

  test('of two tiers an account has the lesser from tomorrow on, and today the books that it has', async () => {
    for (const name of ['up', 'down', 'same']) await bench.run('account', 'create', name, '--tier', 'standard');
    await bench.run('backup', bench.backup);
    await bench.run('tier', 'set', 'startup', '--account', 'up');
    await bench.run('tier', 'set', 'free', '--account', 'down', '--now');
    await bench.run('charge', '--account', 'up', '--requests', '4000');
    expect(await bench.restore()).toMatchObject({ putBack: { accounts: 1, staysClosed: { accounts: 1 } } });
    const tiers = async () => {
      const shown = [];
      for (const name of ['up', 'down', 'same']) shown.push(await bench.json('account', 'view', name));
      return shown.map(({ tier, pendingTier, credits }) => [tier, pendingTier, (credits as { granted: number }).granted]);
    };
    const goesBack = { tier: 'standard', from: '2026-11-23' };
    expect(await tiers()).toEqual([
      ...[
        ['startup', goesBack, 1_000_000],
        ['free', null, 100_000],
        ['standard', null, 300_000],
      ],
    ]);
    bench.clock.now += 86_400_000;
    expect(await tiers()).toEqual([
      ...[
        ['standard', null, 300_000],
        ['free', null, 100_000],
        ['standard', null, 300_000],
      ],
    ]);
    expect((await proveBooks(bench.path)).faults).toEqual([]);
  });

  test('the narrower of two restrictions holds, and one that comes again counts what was spent', async () => {
    const capped = await bench.key('capped', '--daily-cap', '300', '--allow-ip', '10.0.0.0/8');
    await bench.key('bound', '--expires', '2d');
    await bench.run('backup', bench.backup);
    await bench.run('edit', 'capped', '--daily-cap', 'none', '--any-ip');
    await bench.run('edit', 'bound', '--expires', '9d', '--service', 'default', '--daily-cap', '500');
    expect(await bench.spend(capped, 2)).toEqual(['ok', 'ok']);
    expect(await bench.restore()).toMatchObject({ putBack: { keys: 2, staysClosed: { keys: 1 } } });
    expect(await bench.json('view', 'capped')).toMatchObject({ dailyCap: 300, allowedIps: ['10.0.0.0/8'] });
    expect(await bench.json('view', 'bound')).toMatchObject({
      ...{ expiresAt: expect.stringContaining('2026-11-24'), services: ['default'], dailyCap: 500 },
    });
    expect(await bench.spend(capped, 2)).toEqual(['ok', 'insufficient_credits']);
  });

  test('names that others have by now stay theirs, and names that were exchanged in a circle with a free one come back', async () => {
    for (const name of ['a', 'b', 'c']) await bench.key(name);
    await bench.run('backup', bench.backup);
    await bench.run('rename', 'a', 'x');
    await bench.run('rename', 'b', 'a');
    await bench.run('rename', 'c', 'y');
    await bench.key('c');
    const { putBack } = await bench.restore();
    expect(putBack).toMatchObject({ namesTaken: ['c'] });
    const rows = (JSON.parse(await bench.run('list', '--json')) as { name: string }[]).map(({ name }) => name);
    expect(rows).toEqual(['a', 'b', 'y', 'c']);
  });

  test('the replaced store is kept, whole and in one file, and can be put back as well', async () => {
    const key = await bench.key('prod');
    await bench.run('backup', bench.backup);
    await bench.spend(key, 4);
    await bench.run('rename', 'prod', 'other');
    const { replaced } = await bench.restore();
    expect(bench.files()).toEqual(['backup.db', 'keyctl.db', 'keyctl.db.replaced-T']);
    expect((await proveBooks(String(replaced))).spent).toBe(400);
    expect(await bench.json('restore', String(replaced), '--yes')).toMatchObject({ carriedOver: 'everything', putBack: { keys: 1 } });
    expect(await bench.json('view', 'other')).toMatchObject({ today: { requests: 4 } });
  });

  test('a backup that is ahead of the store is taken as it is', async () => {
    await bench.key('one');
    await bench.run('backup', bench.backup);
    const earlier = bench.backup.replace('backup', 'earlier');
    await bench.run('backup', earlier);
    const later = await bench.key('two');
    rmSync(bench.backup);
    await bench.run('backup', bench.backup);
    bench.loseStore();
    await bench.json('restore', earlier, '--yes', '--accept-gap');
    // The restore itself is in the trail, so that the two have parted; without it the backup is ahead.
    rmSync(bench.path);
    await bench.json('backup', `${bench.path}.x`).catch(() => undefined);
    await bench.inStore((store) => store.read(async () => undefined), earlier);
    writeFileSync(bench.path, (await import('node:fs')).readFileSync(earlier));
    expect(await bench.restore()).toMatchObject({ carriedOver: 'nothing-new', gap: null });
    expect(await bench.spend(later)).toEqual(['ok']);
  });
});

describe('keyctl restore, where the store cannot tell', () => {
  test('no store: the gap is said and has to be accepted, and the store is made', async () => {
    const key = await bench.key('prod');
    await bench.run('backup', bench.backup);
    await bench.run('disable', 'prod');
    bench.loseStore();
    const [code, said] = await bench.refused('--yes');
    expect(code).toBe(2);
    expect(said).toContain('--accept-gap is missing');
    expect(said).toContain('2026-11-22T12:00:01.000Z');
    expect(existsSync(bench.path)).toBe(false);
    const report = await bench.restore('--accept-gap');
    const gap = { reason: 'no-store', from: '2026-11-22T12:00:01.000Z' };
    expect(report).toMatchObject({ carriedOver: 'nothing', gap, replaced: null, putBack: null });
    expect(await bench.spend(key)).toEqual(['ok']);
    expect(bench.files()).toEqual(['backup.db', 'keyctl.db']);
  });

  test('another store, and one that parted from the backup: only the doors of the latter are closed', async () => {
    const key = await bench.key('prod');
    await bench.run('backup', bench.backup);
    await bench.run('rename', 'prod', 'later');
    await bench.run('backup', `${bench.backup}.later`);
    bench.loseStore();
    await bench.restore('--accept-gap');
    await bench.run('disable', 'prod', '--reason', 'leaked');
    bench.clock.now += 5_000;
    const parted = ['restore', `${bench.backup}.later`, '--yes'];
    expect((await piped(parted, bench)).code).toBe(2);
    const report = await bench.json(...parted, '--accept-gap');
    expect(report).toMatchObject({ carriedOver: 'doors', gap: { reason: 'parted' }, closed: { keys: 1, accounts: 0 } });
    expect(await bench.spend(key)).toEqual(['api_key_disabled']);
    expect(await bench.json('view', 'later')).toMatchObject({ disabledReason: 'leaked' });
    bench.loseStore();
    await bench.key('foreign');
    expect((await bench.refused('--yes'))[1]).toContain('not the one that was backed up');
    expect(await bench.restore('--accept-gap')).toMatchObject({ carriedOver: 'nothing', gap: { reason: 'stranger' } });
  });

  test('shipped lines close what they say was closed, once and for all, and nothing is opened by them', async () => {
    const keys = [];
    for (const name of ['leaked', 'gone', 'turned', 'brief', 'back', 'off']) keys.push(await bench.key(name));
    await bench.run('account', 'create', 'acme');
    keys.push(await bench.key('main', '--account', 'acme'));
    await bench.run('disable', 'off');
    await bench.run('backup', bench.backup);
    await bench.run('disable', 'leaked', '--reason', 'on the net');
    await bench.run('delete', 'gone', '--yes');
    await bench.run('rotate', 'turned', '--grace', '0');
    await bench.run('edit', 'brief', '--expires', '1h', '--allow-ip', '10.0.0.0/8');
    await bench.run('disable', 'back');
    await bench.run('enable', 'back');
    await bench.run('enable', 'off');
    await bench.run('account', 'suspend', 'acme');
    await bench.run('tier', 'set', 'standard', '--account', 'acme');
    await bench.ship();
    bench.loseStore();
    const report = await bench.restore('--reapply', bench.lines);
    expect(report).toMatchObject({
      ...{ carriedOver: 'nothing', gap: null, closed: { keys: 4, accounts: 1 } },
      reapplied: {
        missingFrom: null,
        unreadableLines: [],
        notReapplied: { 'tier.set': 1 },
        lost: [{ kind: 'key', name: 'default/turned' }],
      },
    });
    const codes = [];
    for (const key of keys) codes.push(...(await bench.spend(key)));
    const disabled = 'api_key_disabled';
    expect(codes).toEqual([disabled, 'invalid_api_key', disabled, 'ok', 'ok', disabled, 'account_suspended']);
    expect(await bench.json('view', 'brief')).toMatchObject({ allowedIps: ['10.0.0.0/8'] });
    const again = await bench.json('restore', bench.backup, '--yes', '--reapply', bench.lines);
    expect(again).toMatchObject({ carriedOver: 'everything', closed: { keys: 0, accounts: 0 } });
  });

  test('lines that leave something out do not close the gap, and are named', async () => {
    await bench.key('prod');
    await bench.run('backup', bench.backup);
    await bench.run('rename', 'prod', 'shop');
    await bench.run('disable', 'shop');
    await bench.ship(2);
    bench.loseStore();
    expect((await bench.refused('--yes', '--reapply', bench.lines))[1]).toContain('Its entry 2 is missing');
    const report = await bench.restore('--reapply', bench.lines, '--accept-gap');
    expect(report).toMatchObject({ gap: { reason: 'no-store' }, closed: { keys: 1 }, reapplied: { missingFrom: 2 } });
    bench.loseStore();
    writeFileSync(bench.lines, 'not json\n\n{"number":1}\n[]\n');
    const [code, said] = await bench.refused('--yes', '--reapply', bench.lines);
    expect([code, said]).toEqual([2, expect.stringContaining('Lines that are no entries: 1, 3, 4.')]);
    expect((await bench.refused('--yes', '--reapply', `${bench.lines}.none`))[0]).toBe(3);
  });
});

describe('keyctl restore asks', () => {
  test('for the name to be typed, after it has said what it would do', async () => {
    await bench.key('prod');
    await bench.run('backup', bench.backup);
    await bench.run('rename', 'prod', 'shop');
    const stopped = await bench.atTerminal(['no']);
    expect([stopped.code, stopped.asked]).toEqual(['cancelled', ['Type keyctl.db to replace it']]);
    expect(stopped.stderr).toContain('Goes back to what it was: 1 key.');
    expect(bench.files().filter((name) => name.includes('re'))).toEqual([]);
    const done = await bench.atTerminal(['keyctl.db']);
    expect([done.code, done.stdout]).toEqual([0, expect.stringContaining('is kept at')]);
    expect(await bench.json('view', 'prod')).toMatchObject({ name: 'prod' });
  });

  test('nobody where nobody is: --yes is missing', async () => {
    await bench.key('prod');
    await bench.run('backup', bench.backup);
    expect(await bench.refused()).toEqual([2, expect.stringContaining('--yes is missing')]);
    expect((await piped(['restore', '-', '--yes'], bench)).code).toBe(2);
    const nowhere = await piped(['restore', join(dirname(bench.path), 'sesame'), '--yes'], bench);
    expect([nowhere.code, nowhere.stderr.includes('sesame')]).toEqual([3, false]);
  });
});
