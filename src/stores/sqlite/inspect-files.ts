import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { fault, fine, warning, type Finding } from '../../domain/finding.ts';
import { compareLog } from './log-files.ts';

/** The log grows while something is read in one go, as a backup and the check of a large file do: by as much as is written meanwhile. */
const LARGE_LOG_BYTES = 256 * 1024 * 1024;
/** Files that were written within this time may be of one moment. */
const SAME_MOMENT_MS = 1_000;

const STOP =
  'Stop every keyctl first. Keep copies of all files that begin with that name, find out which one is meant, and prove it with keyctl doctor.';

/** Whether the files at the path belong together, and whether those who have them open have the same. `path` is no link. */
export function inspectFiles(path: string): readonly Finding[] {
  const found = [...strayJournal(path), ...foreignLog(path), ...processesElsewhere(path)];
  return found.length > 0 ? found : [fine('files', 'The store and its log belong together.')];
}

/** SQLite would write it back over the store, and no keyctl ever makes one. */
export function strayJournal(path: string): readonly Finding[] {
  const journal = statSync(`${path}-journal`, { throwIfNoEntry: false });
  if (journal === undefined || journal.size === 0) return [];
  const message = `There is a rollback journal beside the store, ${path}-journal, which is not keyctl's: whoever opens the store next would write it into it.`;
  return [fault('files', message, `${STOP} Move the journal away if it is of another file. The store was not opened.`)];
}

function foreignLog(path: string): readonly Finding[] {
  const compared = compareLog(path);
  if (compared === null) return [];
  if (compared.absent > 0) {
    const message = `${String(compared.absent)} of ${String(compared.written)} pages that were written from the log into the store are not there: another file was put in its place, or something else wrote to it.`;
    return [fault('files', message, STOP)];
  }
  const [store, log] = [statSync(path), statSync(`${path}-wal`, { throwIfNoEntry: false })];
  if (compared.present > 0 || log === undefined || store.mtimeMs <= log.mtimeMs + SAME_MOMENT_MS) return [];
  const message = `The store was written after its log, but holds none of the ${String(compared.logged)} pages in it: the log may be another store's.`;
  return [warning('files', message, STOP)];
}

/** Other processes that have a file open which is not at the path any more, as far as this user may see them. Linux only. */
function processesElsewhere(path: string): readonly Finding[] {
  const names = [path, `${path}-wal`, `${path}-shm`];
  const [store, ...companions] = names.map((name) => identityOf(name));
  const found: Finding[] = [];
  for (const id of processes()) {
    const opened = openedBy(id, path);
    const removed = names.filter((name) => opened.some(({ link }) => link === `${name} (deleted)`));
    const identities = new Set(opened.map(({ identity }) => identity));
    const usesLog = companions.some((identity) => identity !== undefined && identities.has(identity));
    if (removed.length === 0 && (!usesLog || store === undefined || identities.has(store))) continue;
    const what = removed[0] ?? path;
    const message = `Process ${id} has ${what} open, which was removed or replaced since: what it writes there is lost, and it does not see what others write.`;
    found.push(fault('files', message, STOP));
  }
  return found;
}

function processes(): readonly string[] {
  try {
    const self = readlinkSync('/proc/self');
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== self);
  } catch {
    return [];
  }
}

function openedBy(id: string, path: string): readonly { readonly link: string; readonly identity: string | undefined }[] {
  try {
    return readdirSync(`/proc/${id}/fd`).flatMap((number) => {
      const file = `/proc/${id}/fd/${number}`;
      const link = linkOf(file);
      // Who only looks at the file, as another doctor does, loses nothing and misleads nobody.
      return link === null || !link.startsWith('/') || !isWritable(file)
        ? []
        : [{ link, identity: isNear(link, path) ? identityOf(file) : undefined }];
    });
  } catch {
    // Another user's, or gone meanwhile.
    return [];
  }
}

/** The mode of a link below /proc says how the file behind it was opened. */
function isWritable(file: string): boolean {
  return (lstatSync(file).mode & 0o200) !== 0;
}

/** A file that was renamed lies mostly in the same folder; to look at every file of every process would take long. */
function isNear(link: string, path: string): boolean {
  return link.startsWith(path.slice(0, path.lastIndexOf('/') + 1));
}

function linkOf(file: string): string | null {
  try {
    return readlinkSync(file);
  } catch {
    return null;
  }
}

function identityOf(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${String(stats.dev)} ${String(stats.ino)}`;
}

/** A log that is large beside its store. `path` is no link. */
export function inspectLogSize(path: string): Finding {
  const bytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const size = `${String(Math.ceil(bytes / 1_024))} KiB`;
  if (bytes <= Math.max(LARGE_LOG_BYTES, statSync(path).size / 2)) {
    return fine('wal_size', `The log beside the store (-wal) has ${size}.`);
  }
  return warning(
    'wal_size',
    `The log beside the store (-wal) has grown to ${size}: something reads for very long at a time, or did.`,
    'Look for a reader that does not end (sqlite3, a backup); the file becomes small again when every keyctl has been stopped once.',
  );
}
