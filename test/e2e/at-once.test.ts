import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { disableKeys } from '../../src/operations/disable-keys.ts';
import { enableKeys } from '../../src/operations/enable-keys.ts';
import { ACTOR } from '../harness.ts';
import { createService, settled } from '../http/served.ts';
import { Cluster, atOnce, counts, timesHere, type Answer } from './cluster.ts';

// What one process changes holds for the very next request to every other. Nothing here waits for anything.

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.make();
  await cluster.prepare((store) => createService(store, 'priced', 100));
  await cluster.start(2);
});

afterAll(() => cluster.end());

const run = (...args: readonly string[]): Promise<string> => cluster.installation.run(args);

/** Asks each server twice, and returns what they said when they said the same. */
async function everywhere(
  ask: (turn: number) => Promise<Answer>,
  said: (answer: Answer) => unknown = ({ code }) => code,
): Promise<unknown> {
  const [first, ...others] = (await atOnce(4, ask)).map(said);
  for (const other of others) expect(other).toEqual(first);
  return first;
}

interface Heard {
  readonly asked: number;
  readonly code: string;
}

/** Keeps both servers busy with requests of one key until it is told to stop; what was asked when, and what came of it. */
function load(apiKey: string): { heard: readonly Heard[]; stop: () => Promise<void> } {
  const heard: Heard[] = [];
  let stopped = false;
  const one = async (turn: number): Promise<void> => {
    while (!stopped) {
      const asked = performance.now();
      const { status, code } = await cluster.ask(turn, '/verify', { headers: { 'X-API-Key': apiKey } });
      // A server that is too busy to say is asked again, and what it says then is of then.
      if (status !== 503) heard.push({ asked, code });
    }
  };
  const all = atOnce(8, one);
  return {
    heard,
    stop: async () => {
      stopped = true;
      await all;
    },
  };
}

describe('disable and enable', () => {
  test('from another process, again and again', async () => {
    const apiKey = await cluster.customer('often', 1e9);
    const verify = (turn: number): Promise<Answer> => cluster.verify(turn, apiKey);
    const references = [{ kind: 'words', text: 'often/main' }] as const;
    await cluster.prepare(async (store) => {
      for (let round = 0; round < timesHere(100); round += 1) {
        await disableKeys(store, { references, reason: null, only: false }, ACTOR);
        expect(await everywhere(verify)).toBe('api_key_disabled');
        await enableKeys(store, references, ACTOR);
        expect(await everywhere(verify)).toBe('ok');
      }
    });
  });

  test('by the shell, while both servers are at full load: nobody who asks after it returned is admitted', async () => {
    const apiKey = await cluster.customer('loaded', 1e9);
    const { heard, stop } = load(apiKey);
    const closed: [number, number][] = [];
    for (let round = 0; round < timesHere(4); round += 1) {
      await run('disable', 'loaded/main');
      const from = performance.now();
      expect(await everywhere((turn) => cluster.verify(turn, apiKey))).toBe('api_key_disabled');
      // Somebody of the load has asked meanwhile, and was answered.
      await settled(() => heard.some(({ asked }) => asked > from));
      closed.push([from, performance.now()]);
      await run('enable', 'loaded/main');
      expect(await everywhere((turn) => cluster.verify(turn, apiKey))).toBe('ok');
    }
    await stop();
    const meanwhile = heard.filter(({ asked }) => closed.some(([from, to]) => asked >= from && asked <= to));
    expect(counts(meanwhile.map(({ code }) => code))).toEqual({ api_key_disabled: meanwhile.length });
    expect(Object.keys(counts(heard.map(({ code }) => code))).sort()).toEqual(['api_key_disabled', 'ok']);
    expect(meanwhile.length).toBeGreaterThan(0);
  });
});

describe('by the shell', () => {
  let apiKey: string;
  const verify = (turn: number): Promise<Answer> => cluster.verify(turn, apiKey);

  beforeAll(async () => {
    apiKey = await cluster.customer('acme', 1e9);
  });

  test('account suspend and resume', async () => {
    for (let round = 0; round < 3; round += 1) {
      await run('account', 'suspend', 'acme');
      expect(await everywhere(verify)).toBe('account_suspended');
      await run('account', 'resume', 'acme');
      expect(await everywhere(verify)).toBe('ok');
    }
  });

  test('service edit --cost', async () => {
    const consumed = ({ headers }: Answer): unknown => headers['x-credits-consumed'];
    for (const cost of ['7', '250', '0', '100']) {
      await run('service', 'edit', 'priced', '--cost', cost);
      expect(await everywhere((turn) => cluster.verify(turn, apiKey, {}, '/verify/priced'), consumed)).toBe(cost);
    }
  });

  test('tier set, tier edit and its limits', async () => {
    const tier = ({ headers }: Answer): unknown => [
      headers['x-keyctl-tier'],
      /"rate";q=(\d+)/.exec(String(headers['ratelimit-policy']))?.[1],
    ];
    expect(await everywhere(verify, tier)).toEqual(['tier-of-acme', undefined]);
    for (const [name, burst] of [
      ['professional', '40'],
      ['startup', '20'],
      ['advanced', '30'],
    ] as const) {
      await run('tier', 'set', name, '--account', 'acme', '--now');
      expect(await everywhere(verify, tier)).toEqual([name, burst]);
    }
    await run('tier', 'edit', 'advanced', '--rate', '1000/s', '--burst', '77');
    expect(await everywhere(verify, tier)).toEqual(['advanced', '77']);
  });

  test('credit given and taken', async () => {
    const poor = await cluster.customer('poor', 150);
    const ask = (turn: number): Promise<Answer> => cluster.verify(turn, poor);
    expect((await ask(0)).code).toBe('ok');
    for (let round = 0; round < 2; round += 1) {
      expect(await everywhere(ask)).toBe('insufficient_credits');
      await run('credit', '+100', '--account', 'poor', '--reason', 'a test');
      expect((await ask(round)).code).toBe('ok');
    }
    await run('credit', '-50', '--account', 'poor', '--reason', 'a test');
    expect(await everywhere(ask, ({ headers }) => headers['x-credits-available'])).toBe('0');
  });

  test('rotate without a grace, again and again: the old secret is dead and the new one alive', async () => {
    let secret = await cluster.customer('turning', 1e9);
    for (let round = 0; round < 3; round += 1) {
      const next = (await run('rotate', 'turning/main', '--grace', '0')).trim();
      expect(await everywhere((turn) => cluster.verify(turn, secret))).toBe('api_key_disabled');
      expect(await everywhere((turn) => cluster.verify(turn, next))).toBe('ok');
      secret = next;
    }
    await run('delete', 'turning/main', '--yes');
    expect(await everywhere((turn) => cluster.verify(turn, secret))).toBe('invalid_api_key');
  });

  test('edit: what a key may call, from where, and how much of the day', async () => {
    const bound = await cluster.customer('bound', 1e9);
    const ask = (turn: number): Promise<Answer> => cluster.verify(turn, bound);
    await run('edit', 'bound/main', '--service', 'priced');
    expect(await everywhere(ask)).toBe('service_not_allowed');
    await run('edit', 'bound/main', '--service', 'default', '--allow-ip', '203.0.113.0/24');
    expect(await everywhere(ask)).toBe('ip_not_allowed');
    await run('edit', 'bound/main', '--allow-ip', '127.0.0.1', '--daily-cap', '0');
    expect(await everywhere(ask)).toBe('insufficient_credits');
  });

  test('a key that was made a moment ago', async () => {
    for (let round = 0; round < 2; round += 1) {
      const made = (await run('create', '--account', 'acme', '--name', `new-${String(round)}`)).trim();
      expect(await everywhere((turn) => cluster.verify(turn, made))).toBe('ok');
    }
  });
});
