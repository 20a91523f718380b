/** What a schedule has to know of the host that it is printed for. */
export interface Host {
  /** The program that runs this one, and the file it runs, both with their full paths: a timer has no PATH of a person's. */
  readonly interpreter: string;
  readonly program: string;
  /** A path, or a postgres:// URL. */
  readonly store: string;
  /** Whose store it is, and who reset has to run as. */
  readonly user: string;
  /** Whether this is for the whole machine, as root would have it, or for one user's own timers. */
  readonly forMachine: boolean;
  /** The minute of the hour, in the host's time zone, at which an hour begins in UTC: 0 but for zones such as Asia/Kolkata. */
  readonly minute: number;
}

export interface ScheduleFile {
  readonly path: string;
  readonly text: string;
}

export interface Schedule {
  readonly files: readonly ScheduleFile[];
  /** What to run once the files are there. */
  readonly then: readonly string[];
}

/** What runs things at their time, each of which has a form of its own. */
export type Scheduler = 'systemd' | 'cron' | 'launchd' | 'schtasks';

/** What a host has of itself; cron is on the others. `systemdRuns`: it is the init of this host. */
export function schedulerOf(platform: NodeJS.Platform, systemdRuns: boolean): Scheduler {
  if (platform === 'darwin') return 'launchd';
  if (platform === 'win32') return 'schtasks';
  return systemdRuns ? 'systemd' : 'cron';
}

/** Where KEYCTL_DB stands when it holds a password, which must not be in a unit or a crontab that everybody may read. */
export const ENVIRONMENT_FILE = '/etc/keyctl/environment';

export function isUrl(store: string): boolean {
  return /^postgres(ql)?:/.test(store);
}

/** SECURITY: such a URL is not printed. */
export function hasPassword(store: string): boolean {
  return isUrl(store) && /^[^/]*\/\/[^/@]*:[^/@]*@|[?&]password=/.test(store);
}
