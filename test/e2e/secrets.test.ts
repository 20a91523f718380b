import Database from 'better-sqlite3';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mintApiKey } from '../../src/domain/api-key.ts';
import { Installation } from '../system/installation.ts';
import { eventually } from '../system/running.ts';
import { requestsWith } from './misplaced.ts';
import { Told } from './told.ts';

// Promise 8, over one store with everything in it: whatever the program prints, answers, logs, stores or backs up, by every command and
// every kind of denial, is searched for every secret, whole and in pieces, in plain and encoded. It stands where it was shown once, and
// nowhere else.

let installation: Installation;
let told: Told;
const files: string[] = [];

beforeAll(() => {
  installation = new Installation();
  told = new Told(installation.db);
});

afterAll(() => {
  installation.remove();
});

const inFolder = (name: string): string => {
  const path = join(installation.folder, name);
  files.push(path);
  return path;
};

const create = (name: string, ...more: readonly string[]) => told.show(['create', '--account', 'acme', '--name', name, ...more]);

/** One key for each way in which a key is denied, and one that passes. */
async function makeKeys() {
  const out = inFolder('made');
  for (const line of [
    'tier create small --daily-credits 150 --rate 1/s --burst 1',
    'account create acme --tier professional',
    'account create gone',
    'account create poor --tier small',
    'service create maps --cost 7',
  ]) {
    expect((await told.run(line.split(' '))).code).toBe(0);
  }
  const [good, disabled, expired, deleted, bound, served, suspended, poor] = await Promise.all([
    create('good', '--json'),
    create('disabled'),
    create('expired', '--expires', '1s'),
    create('deleted'),
    create('bound', '--allow-ip', '203.0.113.0/24'),
    create('served', '--service', 'maps', '--env', 'development'),
    told.show(['create', '--account', 'gone', '--name', 'suspended', '--out', out], out),
    told.show(['create', '--account', 'poor', '--name', 'poor', '--json', '--fields', 'apiKey']),
  ]);
  const [turned, rotatedOut] = ['turned', 'turned-out'];
  const old = [await create(turned), await create(rotatedOut)];
  const fresh = [
    await told.show(['rotate', 'acme/turned', '--grace', '1h', '--json']),
    await told.show(['rotate', 'acme/turned-out', '--grace', '0', '--out', inFolder('rotated')], join(installation.folder, 'rotated')),
  ];
  await told.run(['disable', '-', '--reason', 'a test'], `${disabled}\n`);
  await told.run(['delete', '-', '--yes'], `${deleted}\n`);
  await told.run(['account', 'suspend', 'gone']);
  await eventually(async () => {
    expect((await told.run(['view', '-', '--json'], `${expired}\n`)).stdout).toContain('"status":"expired"');
  });
  return { good, poor, others: [disabled, expired, deleted, bound, served, suspended, ...old, ...fresh] };
}

/** What comes at one moment, however slow the machine is, meets both the end of the credits and the rate. */
async function spendAtOnce(port: number, token: string, poor: string): Promise<void> {
  const heads = ['/verify', '/verify', '/verify/maps', '/verify/maps'].map(
    (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nX-API-Key: ${poor}\r\n`,
  );
  const answers = await told.raw(port, `${heads.join('\r\n')}Connection: close\r\n\r\n`);
  expect(answers.match(/(?<=^X-Keyctl-Code: )\w+/gm)).toEqual(['ok', 'insufficient_credits', 'ok', 'request_limit_reached']);
}

async function askEverything(poor: string, all: readonly string[]): Promise<void> {
  const token = told.secret(randomBytes(24).toString('base64url'));
  const tokenFile = inFolder('token');
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  const { process, port } = await installation.serve(['--token-file', tokenFile, '--request-id-header', 'X-Proxy-Id']);
  const [first = ''] = all;
  try {
    await spendAtOnce(port, token, poor);
    await Promise.all(all.flatMap((secret, turn) => requestsWith(secret, token, turn).map((bytes) => told.raw(port, bytes))));
    const [unanswered = ''] = requestsWith(first, token, 99);
    const stranger = new Database(installation.db);
    stranger.exec('BEGIN IMMEDIATE');
    expect(await told.raw(port, unanswered)).toContain('503 Service Unavailable');
    stranger.close();
    for (const path of ['/metrics', '/healthz', '/readyz', '/openapi.json']) {
      expect(
        await told.raw(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`),
      ).toContain('200 OK');
    }
    told.hear('the arguments of serve', readFileSync(`/proc/${String(process.pid)}/cmdline`, 'latin1'));
    // Beside the running server: its log of what is not in the file yet, too.
    expect(told.leaksInFiles(installation.folder, files)).toEqual([]);
  } finally {
    // Whatever went wrong, nothing is left running.
    await process.stop();
  }
  expect(await process.stop()).toBe(0);
  told.hear('the log of serve', process.output());
}

/** Commands that read, by themselves and about a key that is named by its secret. */
async function tellEverything(good: string, unknown: string): Promise<void> {
  const reads = [
    ...[
      'list',
      'list --status all',
      'account list',
      'account view acme',
      'tier list',
      'service list',
      'env list',
      'status',
      'doctor',
      'audit',
    ],
    ...[
      'usage --by key --since 1d',
      'usage --by code',
      'usage --by hour --csv',
      'debits',
      'denials',
      'credit list',
      'config list',
      'config scanner-rule',
    ],
    ...[
      'simulate --requests 5 --account acme',
      'charge --account acme --requests 2',
      'credit +5 --account acme --reason test',
      'reset',
      'upgrade',
    ],
  ];
  const bySecret = [
    'view -',
    'explain -',
    'verify',
    'verify --charge',
    'rename - renamed',
    'edit - --note a',
    'enable -',
    'usage --key -',
    'debits --key -',
  ];
  for (const form of [[], ['--json']]) {
    await Promise.all(reads.map((line) => told.run([...line.split(' '), ...form])));
    for (const secret of [good, unknown]) await Promise.all(bySecret.map((line) => told.run([...line.split(' '), ...form], `${secret}\n`)));
    // A secret among the arguments is refused, whatever the command and wherever it stands.
    for (const line of ['view', 'disable', 'list --search', 'charge --account', 'nonsense', '--actor', '--db']) {
      expect((await told.run([...line.split(' '), good, ...form])).code).toBe(2);
    }
  }
}

/** Moves keys in, in plain on stdin, after every way in which a secret can stand where it does not belong. Returns those that came in. */
async function moveIn(): Promise<readonly string[]> {
  const made = (): string => told.secret(`sk_Live-${randomBytes(18).toString('base64url')}`);
  const wrong = [
    'account',
    'tier',
    'environment',
    'sha256',
    'sha256_base64',
    'expires',
    'services',
    'allowed_ips',
    'daily_cap',
    'status',
    made(),
  ];
  const inputs = wrong.flatMap((column) => [
    `${column},name,key\n${made()},a,${made()}\n`,
    `${JSON.stringify({ account: 'moved', key: made(), [column]: made() })}\n{"key":"${made()}\n["${made()}"]\n`,
  ]);
  const refused = await Promise.all(inputs.map((input) => told.run(['import', '-', '--json'], input)));
  for (const { code } of refused) expect(code).not.toBe(0);
  const plain = [made(), made(), told.secret(mintApiKey('zz', 'prod', randomBytes))];
  const table = `account,name,key\n${plain.map((key, place) => `moved,${String(place)},${key}`).join('\n')}\n`;
  const inFile = inFolder('plain.csv');
  writeFileSync(inFile, table);
  // Keys in plain belong on stdin: the file would stay.
  expect((await told.run(['import', inFile])).code).not.toBe(0);
  for (const more of [['--dry-run'], []]) expect((await told.run(['import', '-', ...more], table)).code).toBe(0);
  expect((await told.run(['import', '-'], table)).code).not.toBe(0);
  return plain;
}

/** Everything that writes the store, or what it holds, to another file, and reads it again. */
async function copyEverything(): Promise<void> {
  const [copy, whole, keys] = ['copy.db', 'whole.jsonl', 'keys.jsonl'].map((name) => join(installation.folder, name));
  const into = { db: join(installation.folder, 'other.db') };
  for (const args of [
    ['backup', copy ?? ''],
    ['export', '--out', whole ?? ''],
    ['export', '--keys', '--out', keys ?? ''],
    ['--db', into.db, 'import', whole ?? ''],
    ['restore', copy ?? '', '--yes'],
    ['doctor', '--json'],
  ]) {
    expect([args[0], await told.run(args)]).toEqual([args[0], expect.objectContaining({ code: 0 })]);
  }
}

test('no secret stands anywhere but where it was shown', async () => {
  const { good, poor, others } = await makeKeys();
  const unknown = told.secret(mintApiKey('kc', 'prod', randomBytes));
  const foreign = told.secret(`sk_Live-${randomBytes(18).toString('base64url')}`);
  const moved = await moveIn();
  await askEverything(poor, [good, poor, ...others, ...moved, unknown, foreign]);
  await tellEverything(good, unknown);
  await copyEverything();
  // What was done before has been done: the scan was of a store in which all of it happened.
  const { stdout } = await told.run(['usage', '--by', 'code', '--since', '1d', '--json']);
  const { denied } = (JSON.parse(stdout) as { total: { denied: Record<string, number> } }).total;
  expect(Object.keys(denied).sort()).toEqual(
    [
      ...['account_suspended', 'api_key_disabled', 'api_key_expired', 'insufficient_credits', 'invalid_api_key', 'ip_not_allowed'],
      ...[
        'missing_api_key',
        'store_unavailable',
        'request_id_conflict',
        'request_limit_reached',
        'service_not_allowed',
        'unknown_service',
        'environment_mismatch',
      ],
    ].sort(),
  );
  expect(told.leaks()).toEqual([]);
  expect(told.leaksInFiles(installation.folder, files)).toEqual([]);
  process.stdout.write(`secrets scanned: ${String(told.secrets.size)} in ${String(told.bytes)} bytes\n`);
});

test('the files that were to hold one secret hold it alone', () => {
  for (const name of ['made', 'rotated']) {
    const text = readFileSync(join(installation.folder, name), 'utf8');
    expect(text).toMatch(/^kc_[a-z]+_[0-9A-Za-z]{36}\n$/);
  }
});
