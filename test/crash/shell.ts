import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BINARY } from '../harness.ts';
import { jsonOf } from '../system/http-client.ts';
import type { Installation } from '../system/installation.ts';
import type { Journal } from './journal.ts';

/** A command of the shell that runs beside the server and may be killed as well. */
export interface Act {
  readonly name: string;
  readonly args: readonly string[];
  /** Told what it was like: the exit code, null when it was killed, and what it wrote. */
  readonly ended: (code: number | null, stdout: string) => void;
}

const SHELL_REQUESTS = 2_000;

/** What an operator, or cron, may be doing at the moment at which everything ends; they take turns. */
export function actsOf(journal: Journal, doors: { closed: boolean | null }): readonly Act[] {
  const nothing = (): void => undefined;
  const charge: Act = {
    name: 'charge',
    args: ['charge', '--account', 'shell', '--requests', String(SHELL_REQUESTS), '--json'],
    ended: (code, stdout) => {
      if (code === 0) journal.chargedMany('shell', Number(jsonOf(stdout)['accepted']));
      else journal.unanswered({ account: 'shell', requestId: null, requests: SHELL_REQUESTS });
    },
  };
  const door = (closes: boolean): Act => ({
    name: closes ? 'disable' : 'enable',
    args: [closes ? 'disable' : 'enable', 'door/main'],
    // Who was killed may have done it or not.
    ended: (code) => (doors.closed = code === 0 ? closes : null),
  });
  const reset: Act = { name: 'reset', args: ['reset', '--json'], ended: nothing };
  return [
    charge,
    reset,
    { name: 'rotate', args: ['rotate', 'turning/main', '--grace', '1h', '--json'], ended: nothing },
    door(true),
    charge,
    { name: 'credit', args: ['credit', '+5', '--account', 'shell', '--reason', 'a test'], ended: nothing },
    reset,
    door(false),
    { name: 'tier set', args: ['tier', 'set', 'professional', '--account', 'turning', '--now'], ended: nothing },
    { name: 'tier set', args: ['tier', 'set', 'free', '--account', 'turning', '--now'], ended: nothing },
  ];
}

/** Runs the act. `kill` ends it at once, if it still runs. */
export function perform(installation: Installation, act: Act): { kill: () => void; ended: Promise<void> } {
  const env = { PATH: process.env['PATH'] ?? '', HOME: installation.folder, KEYCTL_DB: installation.db, ...installation.env };
  const child = spawn(process.execPath, [BINARY, ...act.args], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  let stdout = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  const ended = once(child, 'close').then(([code]) => act.ended(typeof code === 'number' ? code : null, stdout));
  return { kill: () => void child.kill('SIGKILL'), ended };
}
