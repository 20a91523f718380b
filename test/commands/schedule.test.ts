import { describe, expect, test } from '@jest/globals';
import { cronSchedule } from '../../src/commands/scheduling/cron.ts';
import { hasPassword, type Host } from '../../src/commands/scheduling/host.ts';
import { systemdSchedule } from '../../src/commands/scheduling/systemd.ts';
import { keyctl, temporaryFolder } from '../harness.ts';

const HOST: Host = {
  ...{ interpreter: '/usr/bin/node', program: '/usr/lib/keyctl/bin/keyctl.js', store: '/var/lib/keyctl/keyctl.db', user: 'keyctl' },
  ...{ forMachine: true, minute: 0 },
};
const ODD: Host = { ...HOST, program: `/srv/my $HOME's "keyctl"/100%/keyctl.js`, store: '/srv/a b/100%.db' };

const systemd = (host: Host): readonly string[] => systemdSchedule(host).files.map(({ text }) => text);
const cronLine = (host: Host): string => cronSchedule(host).files[0]?.text.trimEnd().split('\n').at(-1) ?? '';

describe('for systemd', () => {
  test('a timer at 00:00 UTC that makes up for what was missed, and a service with full paths, the store and its user', () => {
    const [service = '', timer = ''] = systemd(HOST);
    expect(timer).toContain('\nOnCalendar=*-*-* 00:00:00 UTC\nPersistent=true\n');
    expect(service).toContain('\nExecStart=/usr/bin/node /usr/lib/keyctl/bin/keyctl.js reset\n');
    expect(service).toContain('\nEnvironment="KEYCTL_DB=/var/lib/keyctl/keyctl.db"\n');
    expect(service).toContain('\nUser=keyctl\n');
    expect(service).toContain('\nReadWritePaths="/var/lib/keyctl"\n');
  });

  test('what means something to systemd is quoted', () => {
    const [service = ''] = systemd(ODD);
    expect(service).toContain(String.raw`ExecStart=/usr/bin/node "/srv/my $$HOME's \"keyctl\"/100%%/keyctl.js" reset`);
    expect(service).toContain('Environment="KEYCTL_DB=/srv/a b/100%%.db"');
  });

  test('for one user they are units of that user', () => {
    const { files, then } = systemdSchedule({ ...HOST, forMachine: false });
    expect(files[0]).toMatchObject({ path: '~/.config/systemd/user/keyctl-reset.service', text: expect.not.stringContaining('User=') });
    expect(then).toContain('systemctl --user enable --now keyctl-reset.timer');
  });
});

describe('for cron', () => {
  test('an hourly line, with the reason', () => {
    expect(cronLine(HOST)).toBe(
      '0 * * * * keyctl /usr/bin/node /usr/lib/keyctl/bin/keyctl.js --db /var/lib/keyctl/keyctl.db reset >/dev/null',
    );
    expect(cronSchedule(HOST).files[0]?.text).toMatch(/Debian.*UTC.*cronie/s);
  });

  test('what means something to sh and to cron is quoted', () => {
    expect(cronLine(ODD)).toContain(String.raw`'/srv/my $HOME'\''s "keyctl"/100\%/keyctl.js' --db '/srv/a b/100\%.db' reset`);
  });

  test('in a crontab of one user no user is named, and the hour begins when it does in UTC', () => {
    expect(cronLine({ ...HOST, forMachine: false, minute: 30 })).toMatch(/^30 \* \* \* \* \/usr\/bin\/node /);
  });
});

test('no comment is wider than a terminal of 80 columns', () => {
  const texts = [...systemd(HOST), cronSchedule(HOST).files[0]?.text ?? ''];
  const comments = texts.flatMap((text) => text.split('\n')).filter((line) => line.startsWith('#'));
  expect(comments.length).toBeGreaterThan(5);
  for (const line of comments) expect(line.length).toBeLessThanOrEqual(80);
});

describe('a store behind a URL', () => {
  test.each([
    ['postgres://keyctl@db/keyctl', false],
    ['postgresql://keyctl:geheim@db/keyctl', true],
    ['postgres://db/keyctl?user=x&password=geheim', true],
    ['/var/lib/a:geheim@b.db', false],
  ])('%s', (store, secret) => {
    expect(hasPassword(store)).toBe(secret);
    const printed = [...systemd({ ...HOST, store }), cronLine({ ...HOST, store })].join('\n');
    expect(printed.includes('geheim')).toBe(!secret && store.includes('geheim'));
    expect(printed.includes('/etc/keyctl/environment')).toBe(secret);
    expect(printed.includes('PrivateNetwork')).toBe(store.startsWith('/'));
  });
});

describe('keyctl schedule', () => {
  test('needs no store, knows this host, and opens nothing', async () => {
    const call = await keyctl(['schedule', '--cron'], { db: '/nowhere/keyctl.db', env: { TZ: 'Asia/Kolkata' } });
    expect(call.code).toBe(0);
    expect(call.stdout.trimEnd().split('\n').at(-1)).toMatch(/^30 \* \* \* \* .*keyctl\.js.* --db \/nowhere\/keyctl\.db reset/);
    expect(call.stdout).toContain(process.execPath);
  });

  test('takes one of the two', async () => {
    expect(await keyctl(['schedule', '--cron', '--systemd'], { db: '/nowhere/keyctl.db' })).toMatchObject({ code: 2, stdout: '' });
  });

  test('says the same as JSON, and writes it to files that are not there yet', async () => {
    const folder = temporaryFolder();
    try {
      const json = await keyctl(['schedule', '--systemd', '--json'], { db: '/nowhere/keyctl.db' });
      expect(JSON.parse(json.stdout)).toMatchObject({
        kind: 'systemd',
        files: [{ path: expect.stringContaining('.service') }, {}],
        then: [expect.anything(), expect.anything()],
      });
      const write = () => keyctl(['schedule', '--systemd', '--out', folder.path], { db: '/nowhere/keyctl.db' });
      expect(await write()).toMatchObject({ code: 0, stdout: '' });
      expect(await write()).toMatchObject({ code: 4, stdout: '' });
    } finally {
      folder.cleanUp();
    }
  });
});
