import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeServers, forgetServer, signServer } from '../../src/operations/server-signs.ts';
import { STORE_KINDS } from './contract.ts';

const NOON = Date.parse('2026-11-22T12:00:00.000Z');

describe.each(STORE_KINDS)('signs of servers on $name', (kind) => {
  let opened: Awaited<ReturnType<typeof kind.open>>;

  beforeEach(async () => {
    opened = await kind.open(new Date(NOON).toISOString());
  });

  afterEach(() => opened.cleanUp());

  const server = (host: string) => ({ id: `srv_${host}`, host, pid: 4_711, address: `http://${host}:8080`, version: '1.2.3' });
  const seen = () => opened.store.read((tx, now) => describeServers(tx, now));

  test('a server is there from its first sign until it leaves', async () => {
    expect(await seen()).toEqual([]);
    await signServer(opened.store, server('one'));
    opened.clock.now = NOON + 10_000;
    await signServer(opened.store, server('two'));
    await signServer(opened.store, server('one'));
    expect(await seen()).toEqual([
      { ...server('one'), startedAt: NOON, seenAt: NOON + 10_000, running: true },
      { ...server('two'), startedAt: NOON + 10_000, seenAt: NOON + 10_000, running: true },
    ]);
    await forgetServer(opened.store, 'srv_one');
    expect((await seen()).map(({ host }) => host)).toEqual(['two']);
  });

  test('one that gives no sign for 30 seconds is not running, and is forgotten after a day', async () => {
    await signServer(opened.store, server('killed'));
    opened.clock.now = NOON + 30_000;
    expect(await seen()).toMatchObject([{ running: true }]);
    opened.clock.now = NOON + 30_001;
    expect(await seen()).toMatchObject([{ host: 'killed', running: false }]);
    opened.clock.now = NOON + 86_400_001;
    await signServer(opened.store, server('next'));
    expect(await seen()).toMatchObject([{ host: 'next', running: true }]);
  });

  test('a sign of far ahead, from a clock that stepped back, is none of the present', async () => {
    await signServer(opened.store, server('ahead'));
    opened.clock.now = NOON - 30_000;
    expect(await seen()).toMatchObject([{ running: true }]);
    opened.clock.now = NOON - 30_001;
    expect(await seen()).toMatchObject([{ running: false }]);
  });
});
