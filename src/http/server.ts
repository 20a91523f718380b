import { DenialTally } from '../domain/denial-tally.ts';
import { servedActs, type ServedActs } from '../operations/served-acts.ts';
import { Access } from './access.ts';
import { Alerting } from './alerting.ts';
import { readCatalogue, type Catalogue } from './catalogue.ts';
import { CommitQueue } from './commit-queue.ts';
import { Endpoint } from './endpoint.ts';
import { Front } from './front.ts';
import { GuessBrake } from './guess-brake.ts';
import { Housekeeping } from './housekeeping.ts';
import { listen } from './listen.ts';
import { Metrics } from './metrics.ts';
import { readsIntoOneBuffer } from './one-buffer.ts';
import { openApiDocument } from './openapi.ts';
import { checkServeOptions, type After, type Patience, type RunningServer, type ServeOptions, type ServerDeps } from './options.ts';
import { Outage, describeError } from './outage.ts';
import { RefundQueue } from './refund-queue.ts';
import { checkAgainstCatalogue } from './start-checks.ts';
import { Verification } from './verification.ts';

/** An idle connection stays longer than proxies keep theirs (nginx and Caddy: 60 s or less), so that it is they who close it. */
const PATIENCE: Patience = { headersMs: 5_000, requestMs: 10_000, checkMs: 1_000, idleMs: 65_000, stopMs: 5_000 };

const afterTimeout: After = (ms, act) => {
  const timer = setTimeout(act, ms);
  return () => {
    clearTimeout(timer);
  };
};

/**
 * Starts the endpoint and resolves when it listens. Throws `usage` for options that cannot be meant or are not safe, `not_found` for an
 * environment that does not exist, `conflict` when the address is taken, and what the store throws.
 */
export async function startServer(given: ServeOptions, deps: ServerDeps): Promise<RunningServer> {
  const options = checkServeOptions(given);
  const { store, log, acts = servedActs(store) } = deps;
  let catalogue = await readCatalogue(store);
  checkAgainstCatalogue(options, catalogue, log);
  const parts = assemble(options, deps, acts, () => catalogue);
  const address = await listen(parts.server, options);
  const housekeeping = new Housekeeping({
    store,
    acts,
    log,
    tally: parts.tally,
    after: deps.after ?? afterTimeout,
    server: deps.process === undefined ? null : { ...deps.process, address, version: deps.version },
    refreshed: (read) => {
      catalogue = read;
    },
  });
  const alerting = deps.alerts === undefined ? null : new Alerting({ ...deps.alerts, log, after: deps.after ?? afterTimeout });
  await housekeeping.begin();
  alerting?.start();
  log.info({ address, version: deps.version, store: store.location }, 'listening');
  let stopped: Promise<void> | null = null;
  return {
    address,
    stop: () => {
      stopped ??= Promise.all([parts.stop(), alerting?.stop()]).then(() => housekeeping.stop());
      return stopped;
    },
  };
}

function assemble(options: ServeOptions, deps: ServerDeps, acts: ServedActs, catalogue: () => Catalogue) {
  const { store, clock, log, after = afterTimeout } = deps;
  const patience = { ...PATIENCE, ...deps.patience };
  const outage = new Outage(log, { down: 'the store cannot settle; requests are answered 503', up: 'the store settles again' });
  const tally = new DenialTally();
  const brake = new GuessBrake(clock, after);
  const queue: CommitQueue = new CommitQueue({
    settle: (requests) => acts.settle(requests),
    stopwatch: () => performance.now(),
    gather: deps.gathers === true ? after : null,
    events: {
      settled: (size, ms) => {
        metrics.settled(size, ms);
        outage.works();
      },
      failed: (error) => {
        outage.failed(error);
      },
    },
  });
  const metrics = new Metrics(() => queue.depth, store);
  const failed = (error: unknown): void => {
    log.error(describeError(error), 'a request failed');
  };
  const verification = new Verification({ queue, brake, tally, metrics, clock, catalogue, failed });
  let stopping = false;
  const endpoint = new Endpoint({
    options,
    store,
    refunds: new RefundQueue((numbers) => acts.refund(numbers)),
    clock,
    catalogue,
    verification,
    brake,
    metrics,
    outage: new Outage(log, { down: 'requests fail and are answered 503', up: 'requests are answered again' }),
    access: new Access(options),
    openapi: JSON.stringify(openApiDocument(deps.version, options)),
    stopping: () => stopping,
  });
  const front = new Front(endpoint, patience, clock, readsIntoOneBuffer(deps.nodeRelease));

  async function stop(): Promise<void> {
    stopping = true;
    front.announceStop();
    log.info({}, 'stopping');
    // What has arrived in the kernel is read first, so that it is answered rather than cut off.
    await turnOfTheLoop();
    await turnOfTheLoop();
    const closed = front.close();
    brake.releaseAll();
    const cancel = after(patience.stopMs, () => {
      front.closeAll();
    });
    await closed;
    cancel();
    await queue.idle();
  }
  return { server: front.server, tally, stop };
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
