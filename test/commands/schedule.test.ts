import { describe, expect, test } from '@jest/globals';
import { cronSchedule } from '../../src/commands/scheduling/cron.ts';
import { hasPassword, schedulerOf, type Host } from '../../src/commands/scheduling/host.ts';
import { launchdSchedule } from '../../src/commands/scheduling/launchd.ts';
import { systemdSchedule } from '../../src/commands/scheduling/systemd.ts';
import { taskSchedule } from '../../src/commands/scheduling/task-scheduler.ts';
import { keyctl, temporaryFolder } from '../harness.ts';

const HOST: Host = {
  ...{ interpreter: '/usr/bin/node', program: '/usr/lib/keyctl/bin/keyctl.js', store: '/var/lib/keyctl/keyctl.db', user: 'keyctl' },
  ...{ forMachine: true, minute: 0 },
};
const ODD: Host = { ...HOST, program: `/srv/my $HOME's "keyctl"/100%/keyctl.js`, store: '/srv/a b/100%.db' };

const systemd = (host: Host): readonly string[] => systemdSchedule(host).files.map(({ text }) => text);
const launchd = (host: Host): string => launchdSchedule(host).files[0]?.text ?? '';
const task = (host: Host): string => taskSchedule(host).files[0]?.text ?? '';
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

describe('for launchd', () => {
  test('each hour, as it begins in UTC, and at the start of the host, with full paths, the store and its user', () => {
    const text = launchd({ ...HOST, minute: 30 });
    expect(text).toContain('<key>StartCalendarInterval</key><dict><key>Minute</key><integer>30</integer></dict>');
    expect(text).toContain('<key>RunAtLoad</key><true/>');
    expect(text).toContain('<key>UserName</key><string>keyctl</string>');
    expect(text).toContain(
      '<array><string>/usr/bin/node</string><string>/usr/lib/keyctl/bin/keyctl.js</string><string>--db</string>' +
        '<string>/var/lib/keyctl/keyctl.db</string><string>reset</string></array>',
    );
    expect(text).toContain('<key>StandardErrorPath</key><string>/var/lib/keyctl/keyctl-reset.log</string>');
    expect(text).toMatch(/^<\?xml [^]*launchd runs in the host's time zone[^]*<plist version="1.0">[^]*<\/plist>\n$/);
  });

  test('what means something in XML is written otherwise, and words stay words without a shell', () => {
    expect(launchd({ ...ODD, store: '/srv/a & <b>.db' })).toContain('<string>/srv/a &amp; &lt;b&gt;.db</string>');
    expect(launchd(ODD)).toContain(`<string>/srv/my $HOME's "keyctl"/100%/keyctl.js</string>`);
  });

  test('for one user it is an agent of that user', () => {
    const { files, then } = launchdSchedule({ ...HOST, forMachine: false });
    expect(files[0]).toMatchObject({ path: '~/Library/LaunchAgents/keyctl.reset.plist', text: expect.not.stringContaining('UserName') });
    expect(then.at(-1)).toBe('launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/keyctl.reset.plist');
    expect(launchdSchedule(HOST).then.at(-1)).toBe('launchctl bootstrap system /Library/LaunchDaemons/keyctl.reset.plist');
  });
});

describe('for the Task Scheduler of Windows', () => {
  const WINDOWS: Host = {
    ...{ interpreter: String.raw`C:\Program Files\nodejs\node.exe`, program: String.raw`C:\a & b\keyctl.js` },
    ...{ store: String.raw`C:\ProgramData\keyctl\keyctl.db`, user: 'ada', forMachine: false, minute: 0 },
  };

  test('daily at 00:00 UTC, whoever is logged on, made up for when it was missed', () => {
    const text = task(WINDOWS);
    expect(text).toContain('<StartBoundary>2026-01-01T00:00:00Z</StartBoundary>');
    expect(text).toContain('<StartWhenAvailable>true</StartWhenAvailable>');
    expect(text).toContain('<UserId>ada</UserId><LogonType>S4U</LogonType>');
    expect(text).toContain(String.raw`<Command>C:\Program Files\nodejs\node.exe</Command>`);
    expect(text).toContain(String.raw`<Arguments>"C:\a &amp; b\keyctl.js" --db "C:\ProgramData\keyctl\keyctl.db" reset</Arguments>`);
    expect(taskSchedule(WINDOWS).then.at(-1)).toBe('schtasks /Create /TN keyctl-reset /XML keyctl-reset.xml');
  });
});

test.each([
  ['linux', true, 'systemd'],
  ['linux', false, 'cron'],
  ['freebsd', false, 'cron'],
  ['darwin', false, 'launchd'],
  ['win32', false, 'schtasks'],
] as const)('on %s (systemd: %j) it is %s', (platform, systemdRuns, scheduler) => {
  expect(schedulerOf(platform, systemdRuns)).toBe(scheduler);
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
    const printed = [...systemd({ ...HOST, store }), cronLine({ ...HOST, store }), launchd({ ...HOST, store })].join('\n');
    expect(printed.includes('geheim')).toBe(!secret && store.includes('geheim'));
    expect(task({ ...HOST, store }).includes('geheim')).toBe(!secret && store.includes('geheim'));
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
