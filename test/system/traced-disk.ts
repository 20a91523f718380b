import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What a process did that matters after a power loss, in the order in which it did it. */
export type Deed =
  | { readonly kind: 'write'; readonly path: string; readonly bytes: Buffer; readonly at: number }
  | { readonly kind: 'truncate'; readonly path: string; readonly length: number }
  | { readonly kind: 'sync-begins' | 'synced'; readonly path: string; readonly thread: string }
  /** Bytes that left on a socket. */
  | { readonly kind: 'sent'; readonly text: string };

/** The flags of strace for a trace that `readTrace` reads: whole buffers in hexadecimal, paths beside descriptors. */
export const TRACE_FLAGS = ['-y', '-xx', '-s', '70000', '-e', 'trace=pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync,ftruncate'];

const CALL = /^(\d+) +(\w+)\(\d+<([^>]*)>(?:, )?(.*)$/;
const RESUMED = /^(\d+) +<\.\.\. (?:fsync|fdatasync) resumed>\) += 0/;

/** Reads the deeds of a process from its trace. Calls that failed, or that concern neither files nor sockets, are none. */
export function* readTrace(trace: string): Generator<Deed> {
  const syncing = new Map<string, string>();
  for (const line of readFileSync(trace, 'latin1').split('\n')) {
    const [, resumed] = RESUMED.exec(line) ?? [];
    if (resumed !== undefined) {
      yield { kind: 'synced', path: syncing.get(resumed) ?? '', thread: resumed };
      continue;
    }
    const [, thread = '', call = '', shown = '', rest = ''] = CALL.exec(line) ?? [];
    if (call === '' || / = -1 /.test(rest)) continue;
    const path = unhex(shown).toString('latin1');
    const [text = '', ...more] = [...rest.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((match) => match[1] ?? '');
    if (call === 'fsync' || call === 'fdatasync') {
      yield { kind: 'sync-begins', path, thread };
      if (line.includes('<unfinished')) syncing.set(thread, path);
      else yield { kind: 'synced', path, thread };
    } else if (call === 'pwrite64') {
      yield { kind: 'write', path, bytes: unhex(text), at: Number(/, \d+, (\d+)(?:\)| <)/.exec(rest)?.[1]) };
    } else if (call === 'ftruncate') {
      yield { kind: 'truncate', path, length: Number(/^(\d+)/.exec(rest)?.[1]) };
    } else if (/^(socket|TCP|UNIX)/.test(path)) {
      yield { kind: 'sent', text: [text, ...more].map((part) => unhex(part).toString('latin1')).join('') };
    }
  }
}

function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex');
}

type Change = Extract<Deed, { kind: 'write' | 'truncate' }>;

interface TracedFile {
  content: Buffer;
  /** What was written since the last sync began: after a power loss any part of it may be there. */
  pending: Change[];
}

/** Which of the changes that were not synced are on the disk all the same, in their order. */
export type Luck = (change: Change) => Change | null;

/** Nothing that was not synced is there. */
export const NO_LUCK: Luck = () => null;

const SECTOR = 512;

/** Any of it is there, or a part of it in whole sectors. `chance` is from 0 up to 1. */
export function someLuck(chance: () => number): Luck {
  return (change) => {
    const outcome = chance();
    if (outcome < 0.4) return null;
    if (outcome < 0.8 || change.kind === 'truncate') return change;
    return { ...change, bytes: change.bytes.subarray(0, SECTOR * Math.floor(chance() * (change.bytes.length / SECTOR))) };
  };
}

/** A disk that keeps for certain only what was synced, as the trace of a process says. */
export class TracedDisk {
  readonly #files = new Map<string, TracedFile>();
  readonly #syncing = new Map<string, Change[]>();

  /** `files` is what the disk held before. */
  constructor(files: Readonly<Record<string, Buffer>>) {
    for (const [path, content] of Object.entries(files)) this.#files.set(path, { content: Buffer.from(content), pending: [] });
  }

  take(deed: Deed): void {
    if (deed.kind === 'sent') return;
    const file = this.#file(deed.path);
    if (deed.kind === 'write' || deed.kind === 'truncate') {
      file.pending.push(deed);
    } else if (deed.kind === 'sync-begins') {
      this.#syncing.set(deed.thread, [...file.pending]);
    } else {
      const kept = new Set(this.#syncing.get(deed.thread) ?? []);
      for (const change of file.pending) if (kept.has(change)) file.content = applied(file.content, change);
      file.pending = file.pending.filter((change) => !kept.has(change));
    }
  }

  #file(path: string): TracedFile {
    const known = this.#files.get(path) ?? { content: Buffer.alloc(0), pending: [] };
    this.#files.set(path, known);
    return known;
  }

  /** Lays down, in a new folder, the files whose names `wanted` likes, as a power loss at this moment would leave them. */
  powerLoss(folder: string, luck: Luck, wanted: (name: string) => boolean): void {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const [path, { content, pending }] of this.#files) {
      if (!wanted(basename(path))) continue;
      let left = content;
      for (const change of pending) {
        const there = luck(change);
        if (there !== null) left = applied(left, there);
      }
      writeFileSync(join(folder, basename(path)), left, { mode: 0o600 });
    }
  }
}

function applied(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    return change.length <= content.length ? content.subarray(0, change.length) : grown(content, change.length);
  }
  const { bytes, at } = change;
  const changed = grown(content, Math.max(content.length, at + bytes.length));
  bytes.copy(changed, at);
  return changed;
}

/** A copy with at least that length. */
function grown(content: Buffer, length: number): Buffer {
  const larger = Buffer.alloc(Math.max(length, content.length));
  content.copy(larger);
  return larger;
}
