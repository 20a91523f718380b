import Database from 'better-sqlite3';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryStore } from '../harness.ts';
import { sha256 } from '../operations/import-fixture.ts';
import { piped } from './piped-call.ts';

const NOW = '2026-11-22T12:00:00.000Z';
const A = sha256('a');
const B = sha256('b');

let opened: Awaited<ReturnType<typeof temporaryStore>>;

beforeEach(async () => {
  opened = await temporaryStore(NOW);
});

afterEach(() => opened.cleanUp());

function file(text: string | Uint8Array, name = 'lines'): string {
  const path = join(dirname(opened.path), name);
  writeFileSync(path, text);
  return path;
}

const run = (argv: readonly string[], stdin?: string) => piped(argv, { ...opened, ...(stdin === undefined ? {} : { stdin }) });
const importing = (text: string | Uint8Array, ...more: string[]) => run(['import', file(text), ...more]);

async function keys(): Promise<readonly Record<string, unknown>[]> {
  return JSON.parse((await run(['list', '--status', 'all', '--json'])).stdout) as Record<string, unknown>[];
}

/** Everything that the store holds but for the instant at which it is looked at. */
async function contents(): Promise<string> {
  const path = join(dirname(opened.path), `look-${randomUUID()}`);
  await run(['export', '--out', path]);
  return readFileSync(path, 'utf8');
}

test('a trial run without a store says that the import makes one, and makes none', async () => {
  const path = `${opened.path}.none`;
  const tried = await piped(['import', file(`account,sha256\nacme,${A}\n`), '--dry-run'], { ...opened, path });
  expect(tried).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('without --dry-run the import makes one') });
  expect(existsSync(path)).toBe(false);
});

describe('CSV', () => {
  test.each([
    ['plain', `account,name,sha256,note\nacme,web,${A},"one, ""two"""\nacme,app,${B},\n`],
    [
      'with the line ends of Windows and a byte order mark',
      `\ufeffaccount,name,sha256,note\r\nacme,web,${A},"one, ""two"""\r\nacme,app,${B},\r\n`,
    ],
    ['with semicolons', `account;name;sha256;note\nacme;web;${A};"one, ""two"""\nacme;app;${B};\n`],
    [
      'with tabs, no last line end and empty lines',
      `\naccount\tname\tsha256\tnote\n\nacme\tweb\t${A}\t"one, ""two"""\n\nacme\tapp\t${B}\t`,
    ],
    [
      'with its columns in another order and other spelling',
      `Note,SHA-256,NAME,Account\n"one, ""two""",${A.toUpperCase()},web,acme\n,${B},app,acme\n`,
    ],
  ])('%s', async (_, text) => {
    const { code, stdout } = await importing(text);
    expect(stdout).toMatch(/^Imported 2 keys, 1 account\.\nTo take it back: keyctl import undo imp_[a-z0-9]{20}\n$/);
    expect(code).toBe(0);
    expect(await keys()).toMatchObject([
      { account: 'acme', name: 'web', note: 'one, "two"', mask: '…', environment: 'production', status: 'active' },
      { account: 'acme', name: 'app', note: null },
    ]);
  });

  test('carries every setting of a key, and those of its account', async () => {
    const columns = 'account,external_id,tier,name,environment,sha256_base64,expires,note,services,allowed_ips,daily_cap,status';
    const digest = Buffer.from(A, 'hex').toString('base64');
    const line = `acme,C-1,standard,web,qa,${digest},2027-01-31,a note,default,"203.0.113.0/24, 2001:db8::/32",500,disabled`;
    expect((await importing(`${columns}\n${line}\n`)).code).toBe(0);
    expect(await keys()).toMatchObject([
      {
        ...{
          account: 'acme',
          name: 'web',
          environment: 'qa',
          note: 'a note',
          expiresAt: '2027-02-01T00:00:00.000Z',
          services: ['default'],
        },
        ...{ allowedIps: ['203.0.113.0/24', '2001:db8::/32'], dailyCap: 500, status: 'disabled', disabledReason: 'imported as disabled' },
      },
    ]);
    const { stdout } = await run(['account', 'view', 'acme', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ externalId: 'C-1', tier: 'standard' });
  });

  test('finds accounts by their external id, and leaves their tier', async () => {
    await run(['account', 'create', 'acme', '--external-id', 'C-1']);
    expect((await importing(`external_id,tier,sha256\nC-1,standard,${A}\n`)).code).toBe(0);
    expect(await keys()).toMatchObject([{ account: 'acme', name: expect.stringMatching(/^imported-[a-z0-9]{8}$/) }]);
    expect(JSON.parse((await run(['account', 'view', 'acme', '--json'])).stdout)).toMatchObject({ tier: 'free' });
  });
});

describe('JSON lines', () => {
  test('say the same, with lists and numbers', async () => {
    const records = [
      { account: 'acme', externalId: 'C-1', name: 'web', sha256: A, services: ['default'], allowedIps: [], dailyCap: 500, expires: null },
      { account: 'acme', name: 'app', sha256Base64: Buffer.from(B, 'hex').toString('base64'), status: 'active' },
    ];
    expect((await importing(`${records.map((record) => JSON.stringify(record)).join('\r\n')}\n`)).code).toBe(0);
    expect(await keys()).toMatchObject([{ name: 'web', services: ['default'], dailyCap: 500 }, { name: 'app' }]);
  });
});

describe('keys in plain', () => {
  const LINES = 'account,name,key\nacme,web,legacy-key-of-the-web-shop-of-acme\nacme,app,sixteen-of-them!\n';

  test('come from stdin, are hashed there, and show no more than their ends', async () => {
    expect((await run(['import', '-'], LINES)).code).toBe(0);
    expect((await keys()).map(({ mask }) => mask)).toEqual(['lega…acme', '…hem!']);
    for (const name of ['keyctl.db', 'keyctl.db-wal']) {
      const bytes = readFileSync(join(dirname(opened.path), name), 'latin1');
      expect(bytes).not.toContain('legacy-key-of-the-web-shop');
      expect(bytes).not.toContain('sixteen-of-them');
    }
    const { code, stdout } = await run(['verify', '--json'], 'legacy-key-of-the-web-shop-of-acme\n');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { code: 'ok', keyName: 'web' }]);
    expect((await run(['view', '-'], 'sixteen-of-them!')).stdout).toContain('acme/app');
    expect((await run(['disable', '-'], 'sixteen-of-them!')).code).toBe(0);
    expect((await run(['verify'], 'sixteen-of-them!')).code).toBe(5);
  });

  test.each([
    ['CSV', LINES],
    ['JSON lines', '{"account":"acme","key":"legacy-key-of-the-web-shop-of-acme"}\n'],
  ])('in a file of %s are refused', async (_, text) => {
    const before = await contents();
    const { code, stderr, stdout } = await importing(text);
    expect(code).toBe(2);
    expect(stderr).toContain('keyctl import -');
    expect(stdout + stderr).not.toContain('legacy-key');
    expect(await contents()).toBe(before);
  });

  test('typed as an argument are not repeated', async () => {
    await run(['import', '-'], LINES);
    for (const argv of [['view'], ['disable'], ['import'], ['import', 'undo'], ['explain']]) {
      const { code, stderr, stdout } = await run([...argv, 'legacy-key-of-the-web-shop-of-acme']);
      expect(code).toBe(3);
      expect(stdout + stderr).not.toContain('legacy-key');
    }
  });
});

describe('a bad line', () => {
  /** Beside a good line, which is not imported either. */
  const GOOD = { account: 'good', name: 'good', sha256: sha256('good') };

  const BAD: readonly (readonly [string, Record<string, unknown>, string, string])[] = [
    ['without an account', { sha256: A }, 'account', 'missing'],
    ['with a name that is none', { account: 'ACME!', sha256: A }, 'account', 'not a name for an account'],
    ['of an unknown customer without a name', { external_id: 'C-9', sha256: A }, 'account', 'needs a name'],
    ['whose external id is another account’s', { account: 'beta', external_id: 'C-1', sha256: A }, 'account', 'another name'],
    ['whose account has another external id', { account: 'acme', external_id: 'C-2', sha256: A }, 'external_id', 'does not have'],
    ['with an external id that is none', { account: 'beta', external_id: 'C 1', sha256: A }, 'external_id', 'not an external id'],
    ['with an unknown tier', { account: 'beta', tier: 'gold', sha256: A }, 'tier', 'no such tier'],
    ['with a key’s name that is none', { account: 'beta', name: 'a/b', sha256: A }, 'name', 'not a name for a key'],
    ['with a name that is taken', { account: 'acme', name: 'taken', sha256: A }, 'name', 'already'],
    ['with an unknown environment', { account: 'beta', environment: 'moon', sha256: A }, 'environment', 'no such environment'],
    ['without a key', { account: 'beta' }, 'sha256', 'missing'],
    ['with two keys', { account: 'beta', sha256: A, sha256_base64: Buffer.from(A, 'hex').toString('base64') }, 'sha256', 'twice'],
    ['with a digest that is cut', { account: 'beta', sha256: A.slice(1) }, 'sha256', 'not a SHA-256 in hex'],
    ['with a digest that is not base64', { account: 'beta', sha256_base64: A }, 'sha256_base64', 'not a SHA-256 in base64'],
    ['with a key that the store has', { account: 'beta', sha256: sha256('taken') }, 'sha256', 'has that key already'],
    ['with the key of another line', { account: 'beta', sha256: GOOD.sha256 }, 'sha256', 'the key of line 1'],
    ['with the name of another line', { account: 'good', name: 'good', sha256: A }, 'name', 'in line 1'],
    ['with another tier than another line', { account: 'good', tier: 'standard', sha256: A }, 'tier', 'in line 1'],
    ['with a key that is too short', { account: 'beta', key: 'short' }, 'key', 'too short'],
    ['with an end that is none', { account: 'beta', sha256: A, expires: 'soon' }, 'expires', 'Write a date'],
    ['with a length of time as its end', { account: 'beta', sha256: A, expires: '90d' }, 'expires', 'Write a date'],
    ['with a note that is too long', { account: 'beta', sha256: A, note: 'x'.repeat(501) }, 'note', 'not a note'],
    ['with an unknown service', { account: 'beta', sha256: A, services: 'search' }, 'services', 'no such service'],
    ['with a range that is none', { account: 'beta', sha256: A, allowed_ips: '10.0.0.0/33' }, 'allowed_ips', 'not an IP range'],
    ['with a cap that is none', { account: 'beta', sha256: A, daily_cap: '1.5' }, 'daily_cap', 'whole number'],
    ['with a status that is none', { account: 'beta', sha256: A, status: 'revoked' }, 'status', 'active or disabled'],
    ['with an unknown column', { account: 'beta', sha256: A, colour: 'red' }, 'field 3', 'no column of that name'],
    ['with a list for a text', { account: 'beta', sha256: [A] }, 'sha256', 'not a text'],
  ];

  test.each(BAD)('%s is told with its number, and nothing is imported', async (_, record, field, message) => {
    await run(['account', 'create', 'acme', '--external-id', 'C-1']);
    await run(['import', '-'], JSON.stringify({ account: 'acme', name: 'taken', sha256: sha256('taken') }));
    const before = await contents();
    const text = [GOOD, record, { ...GOOD, account: 'fine', sha256: B }].map((line) => `${JSON.stringify(line)}\n`).join('');
    for (const more of [[], ['--dry-run']]) {
      const { code, stdout } = await run(['import', '-', '--json', ...more], text);
      expect(code).toBe(1);
      const report = JSON.parse(stdout) as { problems: { line: number; field: string; message: string }[] };
      expect(report).toMatchObject({ batch: null, lines: 3, problemCount: 1 });
      expect(report.problems).toEqual([{ line: 2, field, message: expect.stringContaining(message) }]);
      expect(await contents()).toBe(before);
    }
    const { code, stderr } = await run(['import', '-'], text);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^line 2, ${field}: .*\n$`));
    // Whatever stands in it may be somebody's key in the wrong column.
    for (const value of Object.values(record)) if (typeof value === 'string' && value.length > 8) expect(stderr).not.toContain(value);
  });

  test.each([
    ['with too few values', `account,name,sha256\nacme,web,${A}\nacme,${B}\n`, 3, '2 values for 3 columns'],
    ['with too many values', `account,sha256\nacme,${A},${B}\n`, 2, '3 values for 2 columns'],
    ['whose quotes do not fit', `account,sha256\nacme,${A}\n"acme"x,${B}\n`, 3, 'quotes do not fit'],
    ['after a quote that is never closed', `account,sha256\nacme,${A}\n"acme,${B}\n`, 3, 'quotes do not fit'],
    ['that is too long', `account,sha256\nacme,${A}\n${'x'.repeat(70_000)},${B}\n`, 3, 'too long'],
    ['that is not JSON', `{"account":"acme","sha256":"${A}"}\n\n{"account"\n`, 3, 'not an object in JSON'],
    ['that is a list', `{"account":"acme","sha256":"${A}"}\n[1]\n`, 2, 'not an object in JSON'],
    ['after one with line ends in quotes', `account,note,sha256\nacme,"a\nb",${A}\nacme,,\n`, 4, 'missing'],
  ])('%s is told with its number', async (_, text, line, message) => {
    const { code, stderr } = await importing(text);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^line ${String(line)}[,:].*${message}`, 'm'));
    expect(await keys()).toEqual([]);
  });

  test('is one of many: the first hundred are told, and how many there are', async () => {
    const text = `account,sha256\n${Array.from({ length: 250 }, () => 'acme,nothing\n').join('')}`;
    const { stdout, stderr } = await importing(text);
    expect(stderr.trim().split('\n')).toHaveLength(100);
    expect(stdout).toContain('Nothing was imported: 250 problems in 250 lines.');
  });
});

describe('what cannot be read', () => {
  test.each([
    ['nothing', '', 2, 'nothing to import'],
    ['blank lines', '\n \n', 2, 'nothing to import'],
    ['a table without names', `acme,${A}\n`, 2, 'Column 1 of the first line'],
    ['a column twice', 'account,sha256,account\n', 2, 'two columns account'],
    ['no text', Uint8Array.from([0x61, 0xff, 0xfe, 0x0a]), 1, 'UTF-8'],
    ['an export of a newer keyctl', '{"format":"keyctl-export","version":2,"holds":"keys"}\n', 1, 'newer keyctl'],
  ])('as %s is refused', async (_, text, expected, message) => {
    const { code, stderr } = await importing(text);
    expect(code).toBe(expected);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain(A);
  });

  test('is no reason to make a store', async () => {
    const path = `${opened.path}.none`;
    expect((await piped(['import', file('')], { ...opened, path })).code).toBe(2);
    expect((await piped(['import', join(dirname(path), 'nothing')], { ...opened, path })).code).toBe(3);
    expect((await piped(['import', dirname(path)], { ...opened, path })).code).toBe(2);
    expect(() => statSync(path)).toThrow('ENOENT');
    expect((await piped(['import', file(`account,sha256\nacme,${A}\n`)], { ...opened, path })).code).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

test('a store of an older schema is upgraded first', async () => {
  const db = new Database(opened.path);
  db.exec('DELETE FROM schema_versions WHERE version > 1');
  db.close();
  for (const argv of [
    ['import', file(`account,sha256\nacme,${A}\n`)],
    ['import', 'undo', 'imp_x'],
    ['export', '--out', `${opened.path}.out`],
  ]) {
    const { code, stderr } = await run(argv);
    expect(code).toBe(1);
    expect(stderr).toContain('keyctl upgrade');
  }
});

describe('an export', () => {
  test('is a new file of mode 0600, which holds no secret, and says what it holds', async () => {
    const secret = (await run(['create', '--name', 'prod'])).stdout.trim();
    const path = `${opened.path}.out`;
    const { stdout } = await run(['export', '--keys', '--out', path, '--json']);
    expect(JSON.parse(stdout)).toEqual({ file: path, holds: 'keys', lines: 11, accounts: 1, keys: 1 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(sha256(secret));
    expect(text).not.toContain(secret);
    expect((await run(['export', '--out', path])).code).toBe(4);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  test.each([
    ['without a file', [], 2, '--out'],
    ['to stdout', ['--out', '-'], 2, 'a new file'],
    ['into a folder that is not there', ['--out', '/nowhere/at/all'], 1, 'folder'],
  ])('%s is refused', async (_, more, expected, message) => {
    const { code, stderr } = await run(['export', ...more]);
    expect(code).toBe(expected);
    expect(stderr).toContain(message);
  });
});
