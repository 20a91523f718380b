// keyctl against what people use today, installed by the bench itself.
import { join } from 'node:path';
import { makeStore } from './make-store.js';
import { inTurns, say, startKeyctl, table, target } from './measure.js';
import { withPeers } from './peers/install.js';

/** Returns the section for docs/performance.md and the rows for its table of targets. */
export async function peers({ folder, method }) {
  say('peers …');
  const path = join(folder, 'peers.db');
  const keys = await makeStore({ path, accounts: 1, keysEach: 20 });
  const keyctl = await startKeyctl(path);
  try {
    return await withPeers(folder, async ({ betterAuth, redis }) => {
      const rows = await inTurns(method, [
        { name: 'keyctl serve', server: keyctl, keys },
        { name: 'better-auth api-key', server: betterAuth.server, keys: betterAuth.keys },
        { name: 'rate-limiter-flexible on Redis', server: redis.server, keys },
      ]);
      return report(rows);
    });
  } finally {
    await keyctl.stop();
  }
}

function report(rows) {
  const [mine, auth, redis] = rows;
  const p99 = `${mine.p99.toFixed(1)} ms; ${redis.p99.toFixed(1)} ms`;
  return {
    section: table('Peers', 'Ratios are against keyctl.', rows),
    targets: [
      target(
        "better-auth's API-key plugin on the same SQLite settings",
        'at least 40 times as fast',
        `${(1 / auth.ratio).toFixed(1)} times`,
        auth.ratio <= 1 / 40,
      ),
      target(
        'rate-limiter-flexible on Redis with `appendfsync always`',
        'faster',
        `${(1 / redis.ratio).toFixed(2)} times as fast`,
        redis.ratio < 1,
      ),
      target('rate-limiter-flexible: p99', 'no worse', p99, mine.p99 <= redis.p99),
    ],
  };
}
