// Whether a store grows slow: the same load on small files and inside a million keys and ten million debits.
import { join } from 'node:path';
import { makeStore, withBusyDay } from './make-store.js';
import { inTurns, say, scattered, startBare, startKeyctl, table, target } from './measure.js';

const HOT = 1_000;
const MOST_RESIDENT_MIB = 150;

/** The large store without today's or yesterday's requests, and the secrets of its keys. Made once for all parts that need it. */
export async function largeStore({ folder, sizes }) {
  const { accounts, debits } = sizes;
  say(`making a store of ${accounts.toLocaleString('en')} keys and ${debits.toLocaleString('en')} debits …`);
  const path = join(folder, 'large.db');
  return { path, accounts, debits, keys: await makeStore({ path, accounts, keysEach: 1, debits }) };
}

async function busyStore(folder, accounts) {
  const [from, path] = [join(folder, `base-${String(accounts)}.db`), join(folder, `busy-${String(accounts)}.db`)];
  const keys = await makeStore({ path: from, accounts, keysEach: 1 });
  await withBusyDay({ from, path, accounts, keysEach: 1, day: 'today' });
  return { path, keys };
}

/** Returns the section for docs/performance.md and the rows for its table of targets. */
export async function growth({ folder, method, sizes, large }) {
  const { path: from, accounts, keys, debits } = await large();
  const path = join(folder, 'growth.db');
  await withBusyDay({ from, path, accounts, keysEach: 1, day: 'today' });
  const stores = [await busyStore(folder, 100), await busyStore(folder, HOT), await busyStore(folder, sizes.middle)];
  const servers = [await startBare(), ...(await Promise.all([...stores.map((store) => store.path), path].map(startKeyctl)))];
  try {
    say('growth …');
    const [bare, hundred, thousand, middle, big] = servers;
    const many = accounts.toLocaleString('en');
    const rows = await inTurns(method, [
      { name: 'bare node:http', server: bare, keys: stores[1].keys },
      { name: '100 keys', server: hundred, keys: stores[0].keys },
      { name: `${HOT.toLocaleString('en')} keys`, server: thousand, keys: stores[1].keys },
      { name: `${HOT.toLocaleString('en')} hot of ${many} keys`, server: big, keys: scattered(keys, HOT) },
      { name: `${sizes.middle.toLocaleString('en')} keys`, server: middle, keys: stores[2].keys },
      { name: `uniform over ${many} keys`, server: big, keys },
    ]);
    return report(rows, { many, debits });
  } finally {
    for (const server of servers) await server.stop();
  }
}

function report(rows, { many, debits }) {
  const [small, hot, uniform] = [rows[2], rows[3], rows[5]];
  const share = hot.perSecond / small.perSecond;
  const resident = Math.max(hot.mib, uniform.mib);
  const about =
    `Each key has an account of its own, which has had one request today. The store of ${many} keys holds ${debits.toLocaleString('en')} old ` +
    `debits of 30 days as well; one server answers both of its loads. MiB is the most that was resident after a load.`;
  return {
    section: table('Growth', about, rows),
    targets: [
      target('hot accounts in a large store, of the same in a small file', 'at least 0.90', share.toFixed(2), share >= 0.9),
      target(`uniform over ${many} accounts, of the bare server's`, 'at least 0.4', uniform.ratio.toFixed(2), uniform.ratio >= 0.4),
      target(
        `\`serve\` with ${many} keys`,
        `under ${String(MOST_RESIDENT_MIB)} MiB`,
        `${resident.toFixed(0)} MiB`,
        resident < MOST_RESIDENT_MIB,
      ),
    ],
  };
}
