import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { runSql } from './database.ts';
import { ReplicatedPostgres } from './replicated.ts';

let servers: ReplicatedPostgres;

beforeEach(async () => {
  servers = await ReplicatedPostgres.start();
});

afterEach(() => servers.stop());

test('what a primary has committed is on the standby that takes its place, again and again', async () => {
  await runSql(servers.primaryUrl, 'CREATE TABLE things (n integer)');
  for (let round = 1; round <= 3; round += 1) {
    await runSql(servers.primaryUrl, `INSERT INTO things VALUES (${String(round)})`);
    await servers.killPrimary();
    await expect(runSql(servers.primaryUrl, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await servers.promote();
    expect(await runSql(servers.primaryUrl, 'SELECT count(*)::integer AS found FROM things')).toEqual([{ found: round }]);
    await servers.addStandby();
  }
});
