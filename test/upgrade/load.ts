import { setTimeout as wait } from 'node:timers/promises';
import type { Filled } from './fill.ts';
import type { Program, Server } from './program.ts';

/** Again as long as the store is busy: an upgrade may hold it for longer than a server waits, and 503 is no verdict. */
export async function insist(server: Server, apiKey: string, retried: () => void = () => undefined): Promise<string> {
  for (;;) {
    const code = await server.verify(apiKey);
    if (code !== 'store_unavailable') return code;
    retried();
  }
}

/** So long a client rests after each answer: the processes that start and stop meanwhile are what the test is about. */
const REST_MS = 20;

/** An account without limits, one whose credits run out, and clients that compare every verdict with what it has to be. */
export async function load(by: Program, db: string, filled: readonly Filled[]) {
  await by.does(db, 'tier', 'create', 'open', '--daily-credits', '100000000');
  await by.does(db, 'account', 'create', 'open', '--tier', 'open');
  const open = await by.does(db, 'create', '--account', 'open', '--name', 'main');
  await by.does(db, 'tier', 'create', 'brief', '--daily-credits', '500');
  await by.does(db, 'account', 'create', 'brief', '--tier', 'brief');
  const brief = await by.does(db, 'create', '--account', 'brief', '--name', 'main');
  await by.does(db, 'charge', '--account', 'brief', '--requests', '5');
  // The tiers that the store came with have rates: of their keys those are asked that never pass.
  const asked = [{ name: 'open/main', apiKey: open, code: 'ok' }, ...filled.filter(({ code }) => code !== 'ok')];
  const wrong: string[] = [];
  let [admitted, unanswered] = [0, 0];
  const clients = (servers: () => readonly Server[]): { stop(): Promise<void> } => {
    let stopped = false;
    const client = async (number: number): Promise<void> => {
      for (let turn = number; !stopped; turn += 1) {
        const { name, apiKey, code } = asked[turn % 3 === 0 ? turn % asked.length : 0] ?? { name: '', apiKey: '', code: '' };
        const server = servers()[turn % servers().length];
        if (server === undefined) throw new RangeError('no server');
        const found = await insist(server, apiKey, () => (unanswered += 1));
        if (found !== code) wrong.push(`${name} was answered ${found} and not ${code}`);
        if (apiKey === open && found === 'ok') admitted += 1;
        await wait(REST_MS);
      }
    };
    const all = Array.from({ length: 4 }, (_, number) => client(number));
    return {
      stop: async () => {
        stopped = true;
        await Promise.all(all);
      },
    };
  };
  return { brief, clients, admitted: () => admitted, unanswered: () => unanswered, wrong: () => wrong };
}
