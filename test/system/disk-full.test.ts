import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ask, type Answer } from './http-client.ts';
import { Installation, type Customer } from './installation.ts';
import { programPath } from './programs.ts';
import type { Running } from './running.ts';

// The kernel lets the server's files grow no further, as it does when a disk or a quota is full.

let installation: Installation;
let customer: Customer;
let server: { process: Running; port: number };

beforeEach(async () => {
  installation = new Installation();
  customer = await installation.customer('acme', { credits: 1_000_000_000 });
  server = await installation.serve(['--request-id-header', 'X-Proxy-Id']);
});

afterEach(async () => {
  await server.process.stop();
  installation.remove();
});

let asked = 0;

function verify(): Promise<Answer> {
  asked += 1;
  const headers = { 'X-API-Key': customer.secret, 'X-Proxy-Id': `r${String(asked)}` };
  return ask(server.port, { path: '/verify', headers });
}

/** Limits how large a file the server may write, in bytes; null for no limit. */
function limitFiles(bytes: number | null): void {
  const soft = bytes === null ? 'unlimited' : String(bytes);
  execFileSync(programPath('prlimit'), ['--pid', String(server.process.pid), `--fsize=${soft}:unlimited`]);
}

test('a disk that is full is 503 until there is room; then it goes on, and the books hold what was admitted', async () => {
  const admitted: string[] = [];
  const count = (answer: Answer): Answer => {
    if (answer.status === 200) admitted.push(String(answer.headers['x-keyctl-debit-id']));
    return answer;
  };
  for (let round = 0; round < 3; round += 1) {
    expect(count(await verify()).status).toBe(200);
    limitFiles(statSync(`${installation.db}-wal`).size + 20_000);
    let answer = count(await verify());
    for (let tries = 0; tries < 200 && answer.status === 200; tries += 1) answer = count(await verify());
    expect([answer.status, answer.headers['retry-after'], answer.headers['x-keyctl-code']]).toEqual([503, '1', 'store_unavailable']);
    for (let time = 0; time < 5; time += 1) expect((await verify()).status).toBe(503);
    expect((await ask(server.port, { path: '/healthz' })).status).toBe(200);
    limitFiles(null);
    expect(count(await verify()).status).toBe(200);
  }
  expect(server.process.output()).toContain('the store settles again');
  const debits = new Set((await installation.debits()).map(({ id }) => id));
  expect(admitted.filter((id) => !debits.has(id))).toEqual([]);
  await server.process.stop();
  const spent = 100 * debits.size;
  expect(JSON.parse(await installation.run(['account', 'view', 'acme', '--json']))).toMatchObject({ credits: { spent } });
  expect(JSON.parse(await installation.run(['usage', '--account', 'acme', '--json']))).toMatchObject({
    total: { requests: debits.size, credits: spent },
  });
});
