// keyctl on a small file against a bare node:http server.
import { join } from 'node:path';
import { makeStore } from './make-store.js';
import { againstBare, inTurns, say, startBare, startKeyctl, table } from './measure.js';

async function scenario({ folder, method, commit }, { what, title, accounts, keysEach, limits }) {
  say(`${title} …`);
  const path = join(folder, `${what}.db`);
  const keys = await makeStore({ path, accounts, keysEach });
  const [bare, keyctl] = [await startBare(), await startKeyctl(path)];
  try {
    const rows = await inTurns(method, [
      { name: 'bare node:http', server: bare, keys },
      { name: 'keyctl serve', server: keyctl, keys },
    ]);
    const about = `A batch is settled and committed in ${rows[1].commit.toFixed(2)} ms on the average.`;
    return { section: table(title, about, rows), targets: againstBare(what, rows, limits, commit) };
  } finally {
    await bare.stop();
    await keyctl.stop();
  }
}

export function hot(world) {
  const limits = { ratio: 0.9, cpu: 1.25 };
  return scenario(world, { what: 'hot', title: 'Hot: 20 keys of one account', accounts: 1, keysEach: 20, limits });
}

export function spread(world) {
  const limits = { ratio: 0.75, cpu: 1.5 };
  return scenario(world, { what: 'spread', title: 'Spread: 10,000 keys of 10,000 accounts', accounts: 10_000, keysEach: 1, limits });
}
