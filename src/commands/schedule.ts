import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { platform, userInfo } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { KeyctlError, usageError } from '../domain/error.ts';
import { flag, option, type Call, type CommandModule } from './call.ts';
import { cronSchedule } from './scheduling/cron.ts';
import { ENVIRONMENT_FILE, hasPassword, isUrl, schedulerOf, type Host, type Schedule, type Scheduler } from './scheduling/host.ts';
import { launchdSchedule } from './scheduling/launchd.ts';
import { systemdSchedule } from './scheduling/systemd.ts';
import { taskSchedule } from './scheduling/task-scheduler.ts';

const FIELDS = ['kind', 'files', 'then'] as const;

/** There while systemd is the init of this host; sd_booted(3). */
const SYSTEMD_RUNS = '/run/systemd/system';

const SCHEDULES: Readonly<Record<Scheduler, (host: Host) => Schedule>> = {
  ...{ systemd: systemdSchedule, cron: cronSchedule, launchd: launchdSchedule, schtasks: taskSchedule },
};

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--systemd', 'a timer of systemd, at 00:00 UTC (where it runs, this is what comes without a flag)')
      .option('--cron', 'a line for cron, hourly, since cron knows no UTC')
      .option('--out <folder>', 'write the files there instead; one that is there is never overwritten'),

  run: async (call, _, options) => {
    const { out } = call;
    out.checkFields(FIELDS);
    const [systemd, cron] = [flag(options, 'systemd'), flag(options, 'cron')];
    if (systemd && cron) throw usageError('--systemd and --cron exclude each other.', 'Give the one that this host has.');
    const kind = systemd ? 'systemd' : cron ? 'cron' : schedulerOf(platform(), existsSync(SYSTEMD_RUNS));
    const host = await lookAtHost(call);
    const schedule = SCHEDULES[kind](host);
    const folder = option(options, 'out');
    if (folder !== undefined) writeFiles(folder, schedule);
    if (folder === undefined || out.json) out.showVerbatim({ kind, ...schedule }, () => shown(kind, schedule), FIELDS);
    if (!out.json) tellNext(call, kind, schedule, host, folder);
    return undefined;
  },
};

async function lookAtHost(call: Call): Promise<Host> {
  const { context } = call;
  const location = await call.storeLocation();
  const store = isUrl(location) ? location : resolve(location);
  const { uid } = userInfo();
  return {
    interpreter: context.interpreter,
    program: context.program,
    store,
    user: ownerOf(store, uid, context.identity().osUser),
    forMachine: uid === 0,
    minute: ((-new Date(context.clock()).getTimezoneOffset() % 60) + 60) % 60,
  };
}

/** The owner of the store's file, since root cannot share a log with another user's server; else who asks. */
function ownerOf(store: string, uid: number, name: string): string {
  // Windows knows neither ids of users nor owners of files by them.
  const owner = isUrl(store) || uid < 0 ? undefined : statSync(store, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === uid) return name;
  const users = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  return users.map((line) => line.split(':')).find((fields) => fields[2] === String(owner))?.[0] ?? String(owner);
}

/** As `systemctl cat` shows several files: the path of each in a comment above it. XML is one file, with nothing before its beginning. */
function shown(kind: Scheduler, { files }: Schedule): string {
  if (kind === 'launchd' || kind === 'schtasks') return files.map(({ text }) => text.trimEnd()).join('\n');
  return files
    .map(({ path, text }) => `# ${path}\n${text}`)
    .join('\n')
    .trimEnd();
}

function writeFiles(folder: string, { files }: Schedule): void {
  for (const { path, text } of files) {
    const target = join(folder, path === 'crontab' ? 'keyctl' : basename(path));
    try {
      const file = openSync(target, 'wx', 0o644);
      writeSync(file, text);
      closeSync(file);
    } catch (error) {
      const exists = typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST';
      throw new KeyctlError(
        exists ? 'already_exists' : 'failed',
        `${basename(target)} ${exists ? 'is there already' : 'cannot be written there'}.`,
        {
          hint: exists ? 'Take it away first, or give --out another folder.' : 'Check the folder of --out and its permissions.',
          cause: error,
        },
      );
    }
  }
}

function tellNext({ out }: Call, kind: Scheduler, { files, then }: Schedule, host: Host, folder: string | undefined): void {
  if (folder !== undefined) out.note(`Wrote ${files.map(({ path }) => basename(path)).join(' and ')}.`);
  if (hasPassword(host.store) && kind === 'schtasks') {
    out.note(`KEYCTL_DB holds a password, so it is not printed: the task reads KEYCTL_DB from the environment of ${host.user} (setx).`);
  } else if (hasPassword(host.store)) {
    out.note(`KEYCTL_DB holds a password, so it is not printed: put KEYCTL_DB=... into ${ENVIRONMENT_FILE}, mode 0600, of ${host.user}.`);
  }
  const place = host.forMachine && folder === undefined && kind === 'systemd' ? ['Put each file in its place, then run:'] : ['Then run:'];
  if (then.length > 0) out.note(['', ...place, ...then.map((line) => `  ${line}`)].join('\n'));
}
