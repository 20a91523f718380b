// What alerts cost a loaded server: the same load on two files alike, of which one has a webhook that takes every message.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStore, nearThreshold } from './make-store.js';
import { BINARY, inTurns, say, startKeyctl, table, target } from './measure.js';

const ACCOUNTS = 10_000;
/** Every third account is near 75 % of its day. */
const EVERY = 3;
const PERCENT = 75;
/** At even distances up to so many requests: in a second of a full load about one account gets there, which is three times what a day allows all of them. */
const FARTHEST_REQUESTS = 10_000;

/** A receiver that counts and says yes. */
async function startReceiver() {
  const receiver = { taken: 0 };
  const server = createServer((request, response) => {
    receiver.taken += 1;
    request.resume();
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.port = server.address().port;
  receiver.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return receiver;
}

/** Returns the section for docs/performance.md and the row for its table of targets. */
export async function alerts({ folder, method }) {
  say('alerts beside a load …');
  const [without, path] = [join(folder, 'without-alerts.db'), join(folder, 'with-alerts.db')];
  const keys = await makeStore({ path: without, accounts: ACCOUNTS, keysEach: 1 });
  await nearThreshold({ path: without, accounts: ACCOUNTS, every: EVERY, percent: PERCENT, farthest: FARTHEST_REQUESTS });
  copyFileSync(without, path);
  const receiver = await startReceiver();
  const url = `http://127.0.0.1:${String(receiver.port)}/alerts`;
  execFileSync(process.execPath, [BINARY, '--db', path, 'alert', 'set', url, '--allow-http'], { stdio: 'ignore' });
  const servers = [await startKeyctl(without), await startKeyctl(path)];
  try {
    const rows = await inTurns(method, [
      { name: 'no webhook', server: servers[0], keys },
      { name: 'a webhook', server: servers[1], keys },
    ]);
    return report(rows, receiver.taken);
  } finally {
    for (const server of servers) await server.stop();
    receiver.stop();
  }
}

function report(rows, messages) {
  const { ratio, cpuRatio } = rows[1];
  const about =
    `${ACCOUNTS.toLocaleString('en')} keys of as many accounts, every third of which is at most ${FARTHEST_REQUESTS.toLocaleString('en')} requests away from ` +
    `${String(PERCENT)} % of its day; ${messages.toLocaleString('en')} messages were sent meanwhile, by the server to a receiver on this machine.`;
  return {
    section: table('Alerts beside a load', about, rows),
    targets: [
      target('a server with a webhook, of one without', 'at least 0.95', ratio.toFixed(2), ratio >= 0.95),
      target('CPU per request with a webhook, of that without', 'at most 1.05', cpuRatio.toFixed(2), cpuRatio <= 1.05),
    ],
  };
}
