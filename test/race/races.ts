import type { Installation } from '../system/installation.ts';
import { keyctl } from '../harness.ts';
import { jsonOf } from '../system/http-client.ts';
import type { Answer, Cluster } from '../e2e/cluster.ts';

/** What everybody together got out of one account. */
export interface Spending {
  admitted: number;
  refunded: number;
}

export interface Race {
  /** As many requests as each shell asks for. */
  readonly most: number;
  readonly refunding: boolean;
}

const CLIENTS_PER_SERVER = 8;

/** Charges from a shell of its own, more than there is, and returns how many were admitted. */
export async function chargeByShell(installation: Installation, account: string, requests: number): Promise<number> {
  const args = ['charge', '--account', account, '--requests', String(requests), '--json'];
  const { code, stdout, stderr } = await keyctl(args, { db: installation.db });
  // 5 says that some were denied.
  if (code !== 0 && code !== 5) throw new Error(`charge exited ${String(code)}: ${stderr}`);
  return Number(jsonOf(stdout)['accepted']);
}

/** Asks both servers until nothing is left. */
async function askUntilDenied(cluster: Cluster, apiKey: string, heard: (answer: Answer) => void): Promise<void> {
  const one = async (turn: number): Promise<void> => {
    for (;;) {
      const answer = await cluster.verify(turn, apiKey);
      heard(answer);
      if (answer.code !== 'ok') return;
    }
  };
  await Promise.all(Array.from({ length: 2 * CLIENTS_PER_SERVER }, (_, turn) => one(turn)));
}

/** Six shells and two servers at once, until there is nothing left. Where `refunding`, every third debit of the servers is given back at once. */
export async function race(cluster: Cluster, account: string, apiKey: string, { most, refunding }: Race): Promise<Spending> {
  const spending: Spending = { admitted: 0, refunded: 0 };
  const refunds: Promise<void>[] = [];
  // Two ask for it, and it is given back once.
  const giveBack = async (debit: string): Promise<void> => {
    const answers = await Promise.all([cluster.refund(0, debit), cluster.refund(1, debit)]);
    if (answers.some(({ status }) => status !== 200)) throw new Error(`a refund was answered ${answers.map(({ body }) => body).join()}`);
    spending.refunded += 1;
  };
  const shells = Array.from({ length: 6 }, async () => {
    const admitted = await chargeByShell(cluster.installation, account, most);
    spending.admitted += admitted;
  });
  let heard = 0;
  const servers = askUntilDenied(cluster, apiKey, ({ code, headers }) => {
    if (code !== 'ok') return;
    spending.admitted += 1;
    heard += 1;
    if (refunding && heard % 3 === 0) refunds.push(giveBack(String(headers['x-keyctl-debit-id'])));
  });
  await Promise.all([...shells, servers]);
  await Promise.all(refunds);
  return spending;
}
