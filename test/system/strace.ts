import { readFileSync } from 'node:fs';
import { programPath } from './programs.ts';

/** A fault that the kernel seems to have: calls that do not happen and return an error. */
export interface Fault {
  /** Names of calls, parted by commas; each is counted for itself, and in each thread for itself. */
  readonly calls: string;
  readonly error: 'EIO' | 'ENOSPC';
  /** The n-th call, `n+` for it and all after it, `n..m` for those between. */
  readonly when: string;
}

/** What stands in front of a command so that it meets a fault, on one file if that is named. The trace goes to a file. */
export function underFault({ calls, error, when }: Fault, trace: string, only?: string): readonly string[] {
  const inject = `inject=${calls}:error=${error}:when=${when}`;
  // Only these calls stop the process, so that it is hardly slower than without; and what is started is keyctl itself, for signals to
  // reach.
  return [
    programPath('strace'),
    '-D',
    '-f',
    '--seccomp-bpf',
    '-qq',
    '-y',
    '-o',
    trace,
    '-e',
    `trace=openat,${calls}`,
    '-e',
    inject,
    ...(only === undefined ? [] : ['-P', only]),
  ];
}

/** How many calls met the fault. */
export function faultsMet(trace: string): number {
  return readFileSync(trace, 'latin1').split('(INJECTED)').length - 1;
}

/** How threads went on that met a fault in the log of a store: with a log that they opened anew, as they should, or with the one that had failed. */
export interface WentOn {
  readonly anew: number;
  readonly withTheSame: readonly string[];
}

/** Reads from a trace how each thread went on. SQLite opens the log once for each connection. */
export function howTheyWentOn(trace: string): WentOn {
  const failed = new Set<string>();
  const begun = new Map<string, string>();
  const withTheSame: string[] = [];
  let anew = 0;
  for (const line of readFileSync(trace, 'latin1').split('\n')) {
    const [, thread = '', told = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (told.endsWith('<unfinished ...>')) {
      begun.set(thread, told);
      continue;
    }
    const call = told.startsWith('<... ') ? `${begun.get(thread) ?? ''}${told}` : told;
    if (!call.includes('-wal')) continue;
    if (call.startsWith('openat(')) {
      if (failed.delete(thread)) anew += 1;
    } else if (failed.has(thread)) withTheSame.push(call);
    else if (call.endsWith('(INJECTED)')) failed.add(thread);
  }
  return { anew, withTheSame };
}
