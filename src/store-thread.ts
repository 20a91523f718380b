import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { KeyctlError, type ErrorCode } from './domain/error.ts';
import { alertActs, type AlertActs } from './operations/alert-acts.ts';
import { servedActs, type ServedActs } from './operations/served-acts.ts';
import { packVerdicts, unpackRequests } from './settle-wire.ts';
import { openStore } from './stores/open-store.ts';

// The second composition root: the thread on which `serve` writes. It opens the store itself and does what it is told, in order.

/** What the thread is started with. */
export interface ThreadData {
  readonly location: string;
  readonly busyTimeoutMs: number;
}

/** What the thread does for the one who serves. */
export type ThreadActs = ServedActs & AlertActs;

/** One act to do. The answer has the same `id`. What is settled crosses packed, both ways. */
export type Order =
  | { readonly id: number; readonly act: 'settle'; readonly argument: string }
  | {
      [Name in Exclude<keyof ThreadActs, 'settle'>]: {
        readonly id: number;
        readonly act: Name;
        readonly argument: Parameters<ThreadActs[Name]>[0];
      };
    }[Exclude<keyof ThreadActs, 'settle'>];

/** A failure as it crosses between threads: an Error would lose its class and its code on the way. */
export interface ToldFailure {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly hint: string | null;
}

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly failure: ToldFailure };

if (parentPort !== null) void work(parentPort, workerData as ThreadData);

async function work(port: NonNullable<typeof parentPort>, { location, busyTimeoutMs }: ThreadData): Promise<void> {
  const { store } = await openStore({ location, mode: 'write', clock: Date.now, randomBytes, busyTimeoutMs });
  const acts = { ...servedActs(store), ...alertActs(store, randomBytes) };
  port.on('message', (order: Order | 'close') => {
    if (order === 'close') {
      void store.close().finally(() => {
        port.close();
      });
      return;
    }
    doAct(acts, order).then(
      (value) => {
        port.postMessage({ id: order.id, value } satisfies Answer);
      },
      (error: unknown) => {
        port.postMessage({ id: order.id, failure: told(error) } satisfies Answer);
      },
    );
  });
  port.postMessage({ id: 0, value: null } satisfies Answer);
}

function doAct(acts: ThreadActs, order: Order): Promise<unknown> {
  switch (order.act) {
    case 'settle':
      return acts.settle(unpackRequests(order.argument)).then(packVerdicts);
    case 'refund':
      return acts.refund(order.argument);
    case 'addDenials':
      return acts.addDenials(order.argument);
    case 'sign':
      return acts.sign(order.argument);
    case 'leave':
      return acts.leave(order.argument);
    case 'fold':
      return acts.fold(order.argument);
    case 'noticeAlerts':
      return acts.noticeAlerts(order.argument);
    case 'claimAlerts':
      return acts.claimAlerts();
    case 'recordAlerts':
      return acts.recordAlerts(order.argument);
  }
}

function told(error: unknown): ToldFailure {
  if (error instanceof KeyctlError) return { code: error.code, message: error.message, hint: error.hint };
  return { code: null, message: error instanceof Error ? error.message : 'unknown', hint: null };
}
