import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../../src/commands/exit-codes.ts';
import { KEY_FIELDS } from '../../src/operations/describe-keys.ts';
import { keyctl, temporaryFolder, type Outcome } from '../harness.ts';

let folder: ReturnType<typeof temporaryFolder>;
let db: string;
/** Every secret that was made here, and everything that was printed beside it. */
const secrets: string[] = [];
const printed: string[] = [];

beforeAll(() => {
  folder = temporaryFolder();
  db = join(folder.path, 'keyctl.db');
});
afterAll(() => {
  folder.cleanUp();
});

async function run(args: readonly string[], stdin = ''): Promise<Outcome> {
  const outcome = await keyctl(args, { db, stdin });
  if (args[0] !== 'create' && args[0] !== 'rotate') printed.push(outcome.stdout);
  printed.push(outcome.stderr);
  return outcome;
}

async function create(name: string, ...more: readonly string[]): Promise<string> {
  const { code, stdout } = await run(['create', '--name', name, ...more]);
  expect(code).toBe(EXIT.done);
  const secret = stdout.trimEnd();
  secrets.push(secret);
  return secret;
}

function json(outcome: Outcome): Record<string, unknown> {
  return JSON.parse(outcome.stdout) as Record<string, unknown>;
}

const hint = (outcome: Outcome): unknown => (JSON.parse(outcome.stderr) as { error: unknown }).error;

describe('a secret is seen once', () => {
  test('alone on stdout, by create and by rotate', async () => {
    const made = await run(['create', '--name', 'once']);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^kc_prod_[0-9A-Za-z]{36}\n$/) });
    expect(made.stderr).toContain('Created default/once');
    const rotated = await run(['rotate', 'once', '--grace', '1h']);
    expect(rotated).toMatchObject({ code: 0, stdout: expect.stringMatching(/^kc_prod_[0-9A-Za-z]{36}\n$/) });
    expect(rotated.stderr).toContain('default/once~1');
    secrets.push(made.stdout.trimEnd(), rotated.stdout.trimEnd());
  });

  test('as apiKey in JSON, beside the fields of a key', async () => {
    const made = json(await run(['create', '--name', 'shown', '--json']));
    expect(Object.keys(made)).toEqual([...KEY_FIELDS, 'apiKey']);
    const rotated = json(await run(['rotate', 'shown', '--grace', '0', '--json']));
    expect(Object.keys(rotated)).toEqual([...KEY_FIELDS, 'apiKey']);
    expect(rotated).toMatchObject({ name: 'shown', rotatedFrom: made['id'] });
    secrets.push(String(made['apiKey']), String(rotated['apiKey']));
  });

  test('in a new file of mode 0600 with --out, and then nowhere else', async () => {
    const file = join(folder.path, 'secret');
    const made = await run(['create', '--name', 'filed', '--out', file]);
    expect(made).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(file, 'utf8')).toMatch(/^kc_prod_[0-9A-Za-z]{36}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const rotated = json(await run(['rotate', 'filed', '--grace', '1h', '--out', `${file}2`, '--json']));
    expect(Object.keys(rotated)).toEqual([...KEY_FIELDS]);
    expect(await run(['verify'], readFileSync(`${file}2`, 'utf8'))).toMatchObject({ code: 0 });
    secrets.push(readFileSync(file, 'utf8').trimEnd(), readFileSync(`${file}2`, 'utf8').trimEnd());
  });

  test('and where it cannot be delivered, there is no key and nothing was rotated', async () => {
    const taken = join(folder.path, 'taken');
    writeFileSync(taken, 'mine');
    expect(await run(['create', '--name', 'lost', '--out', taken])).toMatchObject({ code: EXIT.conflict, stdout: '' });
    expect(await run(['rotate', 'once', '--grace', '0', '--out', taken])).toMatchObject({ code: EXIT.conflict, stdout: '' });
    expect(readFileSync(taken, 'utf8')).toBe('mine');
    const nowhere = join(folder.path, 'no', 'such', 'folder');
    expect(await run(['create', '--name', 'lost', '--out', nowhere])).toMatchObject({ code: EXIT.failed });
    expect(await run(['create', '--name', 'lost', '--fields', 'apikey'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['view', 'lost'])).toMatchObject({ code: EXIT.notFound });
    expect(json(await run(['view', 'once', '--json']))).toMatchObject({ status: 'active' });
  });

  test('a file is not left behind by a key that was not made', async () => {
    const file = join(folder.path, 'not-made');
    expect(await run(['create', '--name', 'once', '--out', file])).toMatchObject({ code: EXIT.conflict });
    expect(existsSync(file)).toBe(false);
  });
});

describe('nobody is asked through a pipe', () => {
  test.each([
    [['create'], '--name'],
    [['create', '--no-input'], '--name'],
    [['disable'], '<key>'],
    [['enable'], '<key>'],
    [['view'], '<key>'],
    [['explain'], '<key>'],
    [['rotate', '--grace', '0'], '<key>'],
    [['rotate', 'once'], '--grace'],
    [['delete', 'once'], '--yes'],
    [['delete', 'once', '--no-input'], '--yes'],
    [['edit', 'once'], '--expires'],
    [['verify'], 'stdin'],
    [['view', '-'], 'stdin'],
  ])('%j is exit 2 and names %s', async (args, named) => {
    const outcome = await run(args);
    expect(outcome).toMatchObject({ code: EXIT.usage, stdout: '', stderr: expect.stringContaining(named) });
  });
});

describe('verify exits with', () => {
  test('0 when the key passes, 5 when it is denied, with the verdict on stdout', async () => {
    const secret = await create('judged');
    const admitted = await run(['verify', '--json'], `${secret}\n`);
    expect(admitted.code).toBe(EXIT.done);
    const names = ['valid', 'code', 'status', 'message', 'keyId', 'keyName', 'account', 'environment', 'tier', 'service', 'cost'];
    expect(Object.keys(json(admitted))).toEqual([...names, 'credits', 'rate', 'retryAfter', 'debitId', 'requestId', 'replayed']);
    expect(json(admitted)).toMatchObject({ valid: true, code: 'ok', keyName: 'judged', debitId: null });
    await run(['disable', 'judged']);
    const denied = await run(['verify', '--json'], secret);
    expect([denied.code, json(denied)['code']]).toEqual([EXIT.denied, 'api_key_disabled']);
    const charged = await run(['verify', '--charge'], secret);
    expect(charged).toMatchObject({ code: EXIT.denied, stdout: expect.stringContaining('api_key_disabled'), stderr: '' });
    const stranger = await run(['verify', '--json'], 'hunter2');
    expect([stranger.code, json(stranger)['code']]).toEqual([EXIT.denied, 'invalid_api_key']);
  });

  test('2 for what cannot be meant, 3 where there is no store or environment', async () => {
    expect(await run(['verify', '--ip', 'hunter2'], 'x')).toMatchObject({ code: EXIT.usage });
    expect(await run(['verify', '--fields', 'apiKey'], 'x')).toMatchObject({ code: EXIT.usage });
    expect(await run(['verify', 'hunter2'], 'x')).toMatchObject({ code: EXIT.usage });
    expect(await run(['verify', '--env', 'hunter2'], 'x')).toMatchObject({ code: EXIT.notFound });
    const missing = await keyctl(['verify'], { db: join(folder.path, 'nothing.db'), stdin: 'x' });
    expect(missing).toMatchObject({ code: EXIT.notFound, stderr: expect.stringContaining('nothing.db') });
    expect(printed.join('')).not.toContain('hunter2');
  });
});

describe('exit codes of changes', () => {
  test('3 and 4, as the contract has them, in JSON too', async () => {
    await create('mine');
    await create('other');
    expect(await run(['rename', 'mine', 'other'])).toMatchObject({ code: EXIT.conflict });
    expect(await run(['rename', 'mine', 'a/b'])).toMatchObject({ code: EXIT.usage });
    expect(hint(await run(['rename', 'nobody', 'x', '--json']))).toMatchObject({ code: 'not_found', hint: expect.any(String) });
    expect(await run(['edit', 'mine', '--service', 'nowhere'])).toMatchObject({ code: EXIT.notFound });
    expect(await run(['edit', 'mine', '--any-service', '--service', 'default'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['edit', 'mine', '--expires', '2020-01-01'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['edit', 'mine', '--daily-cap', '1.5'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['disable', 'mine', 'nobody'])).toMatchObject({ code: EXIT.notFound, stderr: expect.stringContaining('Key 2 of 2') });
    expect(await run(['rotate', 'mine', '--grace', '-1h'])).toMatchObject({ code: EXIT.usage });
    await run(['disable', 'other']);
    expect(await run(['rotate', 'other', '--grace', '1h'])).toMatchObject({ code: EXIT.conflict });
  });

  test('3 for whatever would change a deleted key, by id and by secret; view still shows it', async () => {
    const secret = await create('gone');
    const { id } = json(await run(['delete', 'gone', '--yes', '--json']));
    for (const args of [
      ['disable', String(id)],
      ['rename', String(id), 'x'],
      ['edit', String(id), '--note', 'x'],
      ['view', 'gone'],
    ]) {
      expect(await run(args)).toMatchObject({ code: EXIT.notFound, stdout: '' });
    }
    expect(await run(['disable', '-'], secret)).toMatchObject({ code: EXIT.notFound });
    expect(json(await run(['view', String(id), '--json']))).toMatchObject({ name: 'gone', status: 'deleted' });
    expect(json(await run(['view', '-', '--json'], secret))).toMatchObject({ id });
  });
});

describe('the data on stdout', () => {
  test('of disable and enable is an array, of the others the key', async () => {
    await create('a');
    await run(['rotate', 'a', '--grace', '1h', '--quiet']);
    const disabled = JSON.parse((await run(['disable', 'a', '--json'])).stdout) as Record<string, unknown>[];
    expect(disabled.map((key) => [key['name'], key['status']])).toEqual([
      ['a', 'disabled'],
      ['a~1', 'disabled'],
    ]);
    expect(Object.keys(disabled[0] ?? {})).toEqual([...KEY_FIELDS]);
    expect(JSON.parse((await run(['enable', 'a', '--fields', 'name,status'])).stdout)).toEqual([{ name: 'a', status: 'active' }]);
    const edited = json(await run(['edit', 'a', '--daily-cap', '500', '--note', 'x', '--allow-ip', '203.0.113.7', '--json']));
    expect(edited).toMatchObject({ dailyCap: 500, note: 'x', allowedIps: ['203.0.113.7/32'] });
    expect(json(await run(['edit', 'a', '--daily-cap', 'none', '--note', '', '--any-ip', '--json']))).toMatchObject({
      ...{ dailyCap: null, note: null, allowedIps: [] },
    });
    expect(json(await run(['rename', 'a', 'b', '--json']))).toMatchObject({ name: 'b' });
    expect(Object.keys(json(await run(['view', 'b', '--json'])))).toEqual([...KEY_FIELDS]);
  });

  test('of explain is one line a check through a pipe, one object in JSON, and exit 0 either way', async () => {
    await create('why', '--daily-cap', '0');
    const piped = await run(['explain', 'why']);
    const rows = piped.stdout.replace(/\n$/, '').split('\n');
    expect(piped.code).toBe(EXIT.done);
    expect(rows.map((row) => row.split('\t').length)).toEqual(Array<number>(12).fill(4));
    expect(rows[10]).toMatch(/^insufficient_credits\tfail\t.*daily cap of 0/);
    const told = json(await run(['explain', 'why', '--at', '2099-01-31', '--json']));
    expect(Object.keys(told)).toEqual(['key', 'keyName', 'account', 'service', 'at', 'resetsAt', 'verdict', 'checks']);
    expect(told).toMatchObject({ at: '2099-01-31T00:00:00.000Z', verdict: 'insufficient_credits', resetsAt: '2099-02-01T00:00:00.000Z' });
    expect(await run(['explain', 'why', '--at', '2020-01-31'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['explain', 'why', '--at', new Date().toISOString()])).toMatchObject({ code: EXIT.done });
  });
});

describe('- takes the secret from stdin', () => {
  test('to see whose it is and to kill it', async () => {
    const secret = await create('leaked');
    expect(json(await run(['view', '-', '--json'], `${secret}\n`))).toMatchObject({ name: 'leaked' });
    expect((await run(['disable', '-', '--reason', 'leaked'], secret)).stdout).toContain('Disabled default/leaked');
    expect((await run(['enable', '-'], secret)).stdout).toContain('Enabled default/leaked');
    expect(await run(['explain', '-'], secret)).toMatchObject({ code: 0 });
    expect(await run(['disable', '-', '-'], secret)).toMatchObject({ code: EXIT.usage });
    const rotated = await run(['rotate', '-', '--grace', '0'], secret);
    secrets.push(rotated.stdout.trimEnd());
    expect(await run(['verify'], secret)).toMatchObject({ code: EXIT.denied });
    expect(await run(['verify'], rotated.stdout)).toMatchObject({ code: EXIT.done });
  });

  test('a secret that stands among the arguments is refused, whatever the command', async () => {
    const secret = await create('typed');
    for (const args of [
      ['view', secret],
      ['disable', 'typed', secret],
      ['edit', 'typed', '--note', `it is ${secret}`],
      ['create', '--name', secret],
    ]) {
      const outcome = await run(args);
      expect(outcome).toMatchObject({ code: EXIT.usage, stdout: '' });
      expect(outcome.stderr).toContain('rotate');
    }
    expect(json(await run(['view', 'typed', '--json']))).toMatchObject({ status: 'active', note: null });
  });
});

test('a store that cannot be written is told as such, and reading commands do with it', async () => {
  const lonely = join(folder.path, 'folder');
  mkdirSync(lonely);
  expect(await keyctl(['disable', 'x'], { db: lonely })).toMatchObject({ code: EXIT.failed });
  expect(await keyctl(['rename', 'x', 'y'], { db: join(lonely, 'none.db') })).toMatchObject({ code: EXIT.notFound });
  expect(existsSync(join(lonely, 'none.db'))).toBe(false);
});

test('nothing that was printed here, but by create and rotate, holds a secret', () => {
  expect(secrets.length).toBeGreaterThan(10);
  const everything = printed.join('\n');
  expect(secrets.filter((secret) => secret.length < 40 || everything.includes(secret))).toEqual([]);
});
