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
    '-o',
    trace,
    '-e',
    `trace=${calls}`,
    '-e',
    inject,
    ...(only === undefined ? [] : ['-P', only]),
  ];
}

/** How many calls met the fault. */
export function faultsMet(trace: string): number {
  return readFileSync(trace, 'latin1').split('(INJECTED)').length - 1;
}
