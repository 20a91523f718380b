// One, two and four nodes over one PostgreSQL, against one on a SQLite file and against what PostgreSQL does by itself, in turns.
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { accountsByPort } from './make-store.js';
import { CONNECTIONS, median, say, startKeyctl, target } from './measure.js';
import { Pgbench, pgbenchVersion } from './pgbench.js';
import { PostgresServer } from './postgres-server.js';
import { openStore } from './parts/open-store.js';

const MOST_NODES = 4;
const MOST_BUSY = 0.01;
const SCENARIOS = [
  { what: 'hot', title: 'Nodes, hot: 20 keys of one account', accounts: 1, keysEach: 20 },
  { what: 'spread', title: 'Nodes, spread: 10,000 keys of 10,000 accounts', accounts: 10_000, keysEach: 1 },
];

async function makeStore(location, { accounts, keysEach }) {
  const { store } = await openStore({ location, mode: 'create', clock: Date.now, randomBytes, busyTimeoutMs: 5_000 });
  try {
    return await accountsByPort(store, { accounts, keysEach });
  } finally {
    await store.close();
  }
}

/** Loads several servers at once, each with its part of the connections; a request is one of all, and the slowest has the latencies. */
async function loadTogether({ generator }, servers, { keys, seconds }) {
  const connections = CONNECTIONS / servers.length;
  const results = await Promise.all(servers.map(({ port }) => generator.load({ port, keys, connections, seconds })));
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  // On a machine that others keep busy a node may say that its store is; that is no request served.
  const [requests, denied] = [sum('requests'), sum('denied')];
  if (denied > MOST_BUSY * requests) throw new Error(`${String(denied)} of ${String(requests)} requests were denied`);
  const served = requests - denied;
  const most = (field) => Math.max(...results.map((result) => result[field]));
  return { perSecond: (sum('perSecond') * served) / requests, requests: served, p50: most('p50'), p99: most('p99') };
}

/** One after the other, `rounds` times after a round that does not count; medians, and ratios to the first pair by pair. */
async function takeTurns({ rounds, seconds }, database, contestants) {
  const runs = contestants.map(() => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [place, { load, servers }] of contestants.entries()) {
      const spent = () => servers.reduce((sum, server) => sum + server.cpuMicros(), 0);
      const before = { nodes: spent(), database: database.cpuMicros(), wal: await database.walBytes() };
      const result = await load(round === 0 ? 1 : seconds);
      const each = (now, then) => (now - then) / result.requests;
      const cpu = each(spent(), before.nodes);
      const [databaseCpu, wal] = [each(database.cpuMicros(), before.database), each(await database.walBytes(), before.wal)];
      if (round > 0) runs[place].push({ ...result, cpu, databaseCpu, wal });
    }
  }
  return runs.map((mine, place) => ({
    ...contestants[place],
    ...Object.fromEntries(
      ['perSecond', 'p50', 'p99', 'cpu', 'databaseCpu', 'wal'].map((field) => [field, median(mine.map((run) => run[field]))]),
    ),
    ratio: median(mine.map((run, round) => run.perSecond / runs[0][round].perSecond)),
  }));
}

async function scenario(world, database, { what, title, accounts, keysEach }) {
  say(`${title} …`);
  const { folder, method } = world;
  await database.makeDatabase(what);
  const [file, url] = [join(folder, `nodes-${what}.db`), database.url(what)];
  const [fileKeys, keys] = [await makeStore(file, { accounts, keysEach }), await makeStore(url, { accounts, keysEach })];
  const alone = await startKeyctl(file);
  const nodes = [];
  try {
    for (let node = 0; node < MOST_NODES; node += 1) nodes.push(await startKeyctl(url));
    const several = (count) => ({
      name: `PostgreSQL, ${String(count)} node${count === 1 ? '' : 's'}`,
      servers: nodes.slice(0, count),
      load: (seconds) => loadTogether(method, nodes.slice(0, count), { keys, seconds }),
    });
    await database.checkpoint();
    const rows = await takeTurns(method, database, [
      { name: 'SQLite, 1 node', servers: [alone], load: (seconds) => loadTogether(method, [alone], { keys: fileKeys, seconds }) },
      ...[1, 2, MOST_NODES].map(several),
      ...(world.pgbench === null
        ? []
        : [{ name: 'pgbench simple update', servers: [], load: (seconds) => world.pgbench.load({ connections: CONNECTIONS, seconds }) }]),
    ]);
    return { title, rows, targets: targetsOf(what, rows) };
  } finally {
    for (const server of [alone, ...nodes]) await server.stop();
  }
}

function targetsOf(what, [, one, two]) {
  return [
    target(`${what}: one node on PostgreSQL, of the node on SQLite`, 'at least 0.5', one.ratio.toFixed(2), one.ratio >= 0.5),
    target(
      `${what}: two nodes of one, where the database has cores to spare`,
      'faster',
      `${(two.perSecond / one.perSecond).toFixed(2)} times, all on the cores above`,
      two.perSecond > one.perSecond,
    ),
  ];
}

function sectionOf({ title, rows }) {
  const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '');
  const line = ({ name, servers, perSecond, ratio, p50, p99, cpu, databaseCpu, wal }) => {
    const own = servers.length === 0 ? '' : cpu.toFixed(1);
    const its = name.startsWith('SQLite') ? ' | ' : `${number(databaseCpu, 1)} | ${number(wal, 0)}`;
    return `| ${name} | ${perSecond.toFixed(0)} | ${ratio.toFixed(2)} | ${number(p50, 2)} | ${number(p99, 1)} | ${own} | ${its} |`;
  };
  return [
    ...[`#### ${title}`, ''],
    '| server | requests/s | ratio | p50 ms | p99 ms | CPU µs/request, nodes | database | log, bytes/request |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...[...rows.map(line), ''],
  ].join('\n');
}

export async function nodes(world) {
  // Beside the bench's folder, which is closed to the user who runs PostgreSQL where that is not root's own.
  const database = await PostgresServer.start(dirname(world.folder));
  try {
    const version = await pgbenchVersion();
    const pgbench = version === undefined ? null : await Pgbench.make(database);
    const results = [];
    for (const one of SCENARIOS) results.push(await scenario({ ...world, pgbench }, database, one));
    const about =
      `PostgreSQL ${database.version} on loopback with its defaults (\`fsync\`, \`synchronous_commit\` and full pages on), its data on the same disk; database, nodes and load share the cores. ` +
      'The connections are shared out over the nodes. Ratios are against the node on SQLite. ' +
      (version === undefined
        ? 'pgbench is not installed here.'
        : `pgbench ${version} has ${String(CONNECTIONS)} clients; one of its transactions updates one of a million rows, reads it and adds one to a history; for p50 it tells the mean.`);
    return {
      section: ['### Nodes over PostgreSQL', '', about, '', ...results.map(sectionOf)].join('\n'),
      targets: results.flatMap(({ targets }) => targets),
    };
  } finally {
    await database.stop();
  }
}
