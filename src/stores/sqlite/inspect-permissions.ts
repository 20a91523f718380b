import { readdirSync, statfsSync, statSync, type Stats } from 'node:fs';
import { platform as hostPlatform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { othersMayUse } from '../../domain/file-mode.ts';
import { fault, fine, warning, type Finding } from '../../domain/finding.ts';

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** The file, those beside it that begin with its name (its log, backups of upgrades), and their folder. `path` is no link. */
export function inspectPermissions(path: string, platform: NodeJS.Platform = hostPlatform()): readonly Finding[] {
  // Neither modes nor owners of files are told there.
  if (platform === 'win32')
    return [
      fine('permissions', `Windows has access lists in place of modes; they are not looked at: icacls "${dirname(path)}" shows them.`),
    ];
  const found: Finding[] = [];
  const store = statSync(path);
  for (const name of readdirSync(dirname(path)).sort()) {
    const file = join(dirname(path), name);
    const stats = name.startsWith(basename(path)) ? statSync(file, { throwIfNoEntry: false }) : undefined;
    if (stats?.isFile() !== true) continue;
    if (othersMayUse(stats.mode, platform)) {
      const message = `${file} has mode ${octal(stats)}: others than its owner may use it, and it holds the digests of all keys.`;
      found.push(fault('permissions', message, `Run: chmod 600 '${file}'`));
    }
    if (isCompanion(path, file) && stats.uid !== store.uid) {
      const message = `${file} belongs to user ${String(stats.uid)}, and the store to user ${String(store.uid)}, who may not be able to use it.`;
      found.push(fault('permissions', message, 'Give it to the owner of the store (chown), and run keyctl as that user only.'));
    }
  }
  found.push(...inspectFolder(dirname(path), store));
  if (found.length > 0) return found;
  return [fine('permissions', 'Only its owner may read or write the store and what lies beside it.')];
}

function isCompanion(path: string, file: string): boolean {
  return [`${path}-wal`, `${path}-shm`].includes(file);
}

function inspectFolder(folder: string, store: Stats): readonly Finding[] {
  const stats = statSync(folder);
  const found: Finding[] = [];
  if ((stats.mode & OTHERS_WRITE) !== 0) {
    const message = `The folder ${folder} has mode ${octal(stats)}: others than its owner may put files into it.`;
    const sticky = (stats.mode & STICKY) !== 0;
    const hint = `Run: chmod 700 '${folder}', or keep the store in a folder of its own.`;
    // Where names are protected, nobody can put another file in the place of the store, only one beside it.
    found.push(sticky ? warning('permissions', message, hint) : fault('permissions', message, hint));
  }
  if (stats.uid !== store.uid && stats.uid !== 0) {
    const message = `The folder ${folder} belongs to user ${String(stats.uid)}, who may replace the store of user ${String(store.uid)}.`;
    found.push(fault('permissions', message, 'Give the folder to the owner of the store (chown), or move the store.'));
  }
  return found;
}

function octal({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** File systems that forget, and those that other hosts share, by the numbers that Linux gives them. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const SHARED: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9P'],
]);

/** `type` is what the system says where the store lies. */
export function inspectFilesystem(path: string, type: number = statfsSync(path).type): Finding {
  const shared = SHARED.get(type >>> 0);
  if (shared !== undefined) {
    const message = `The store lies on ${shared}, a file system over the network: its log works on one host only, and its locks may not hold.`;
    return fault('filesystem', message, 'Move the store to a disk of this host.');
  }
  if (IN_MEMORY.has(type >>> 0)) {
    const message = 'The store lies in memory (tmpfs): it is gone when this machine restarts, whatever was acknowledged.';
    return warning('filesystem', message, 'Move it to a disk, unless it is for trying things out.');
  }
  return fine('filesystem', 'The store lies on a file system of this host.');
}
