import { Worker } from 'node:worker_threads';
import { KeyctlError } from './domain/error.ts';
import { packRequests, unpackVerdicts, type PackedVerdicts } from './settle-wire.ts';
import type { Answer, Order, ThreadActs, ThreadData, ToldFailure } from './store-thread.ts';

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What the thread makes is gone soon: it needs no more than this for it, where V8 would take 48 MiB. */
const YOUNG_MIB = 12;

/** The acts of a store on a thread of its own. A thread that dies fails whatever waits for it, and everything after. */
export interface ThreadedActs extends ThreadActs {
  /** Resolves with the reason when the thread has ended. Nothing brings it back: who serves with it has to end as well. */
  readonly ended: Promise<Error>;
  close(): Promise<void>;
}

/** Starts the thread and resolves when it has opened the store; throws what opening threw. */
export async function startThreadedActs(data: ThreadData): Promise<ThreadedActs> {
  const worker = new Worker(new URL('./store-thread.js', import.meta.url), {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  const thread = new StoreThread(worker);
  await thread.ready();
  return thread;
}

class StoreThread implements ThreadedActs {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly ended: Promise<Error>;
  #next = 1;
  #dead: unknown = null;
  #end: (reason: Error) => void = () => undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    worker.on('message', (answer: Answer) => {
      this.#answered(answer);
    });
    worker.on('error', (error) => {
      this.#die(error);
    });
    worker.on('exit', () => {
      this.#die(new KeyctlError('failed', 'The thread of the store has ended.'));
    });
  }

  ready(): Promise<void> {
    return this.#wait(0);
  }

  settle: ThreadActs['settle'] = async (requests) => {
    const packed = packRequests(requests);
    return unpackVerdicts(await this.#order<PackedVerdicts>((id) => ({ id, act: 'settle', argument: packed })));
  };
  refund: ThreadActs['refund'] = (numbers) => this.#order((id) => ({ id, act: 'refund', argument: numbers }));
  addDenials: ThreadActs['addDenials'] = (denials) => this.#order((id) => ({ id, act: 'addDenials', argument: denials }));
  fold: ThreadActs['fold'] = (order) => this.#order((id) => ({ id, act: 'fold', argument: order }));
  noticeAlerts: ThreadActs['noticeAlerts'] = (order) => this.#order((id) => ({ id, act: 'noticeAlerts', argument: order }));
  claimAlerts: ThreadActs['claimAlerts'] = () => this.#order((id) => ({ id, act: 'claimAlerts', argument: undefined }));
  recordAlerts: ThreadActs['recordAlerts'] = (attempts) => this.#order((id) => ({ id, act: 'recordAlerts', argument: attempts }));
  sign: ThreadActs['sign'] = (server) => this.#order((id) => ({ id, act: 'sign', argument: server }));
  leave: ThreadActs['leave'] = (server) => this.#order((id) => ({ id, act: 'leave', argument: server }));

  async close(): Promise<void> {
    if (this.#dead !== null) return;
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#worker.postMessage('close');
    await ended;
  }

  #order<Value>(order: (id: number) => Order): Promise<Value> {
    const id = this.#next;
    this.#next += 1;
    const answered = this.#wait<Value>(id);
    if (this.#dead === null) this.#worker.postMessage(order(id));
    return answered;
  }

  #wait<Value>(id: number): Promise<Value> {
    if (this.#dead !== null) return Promise.reject(failureOf(this.#dead));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('failure' in answer) waiting?.reject(retold(answer.failure));
    else waiting?.resolve(answer.value as never);
  }

  #die(error: unknown): void {
    this.#dead ??= error;
    for (const { reject } of this.#waiting.values()) reject(failureOf(error));
    this.#waiting.clear();
    this.#end(failureOf(this.#dead));
  }
}

function failureOf(error: unknown): Error {
  return error instanceof Error ? error : new KeyctlError('failed', 'The thread of the store has failed.', { cause: error });
}

function retold({ code, message, hint }: ToldFailure): Error {
  return code === null ? new Error(message) : new KeyctlError(code, message, hint === null ? {} : { hint });
}
