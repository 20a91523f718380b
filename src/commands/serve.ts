import { setTimeout } from 'node:timers/promises';
import { KeyctlError } from '../domain/error.ts';
import { newId } from '../domain/random.ts';
import type { Logger } from '../http/options.ts';
import type { Output } from '../terminal/output.ts';
import { collect, flag, type Call, type CommandModule, type StartedActs } from './call.ts';
import { makeFirstKey } from './first-key.ts';
import { keepHeapSmall } from './serve-heap.ts';
import { notifier } from './serve-notify.ts';
import { readServeSettings } from './serve-options.ts';

/** Below the timeouts of every proxy: a verdict that comes later is one that nobody waits for. */
const BUSY_TIMEOUT_MS = 150;
/** On the loop's own thread nobody waits for a lock: see `quickSettle`. */
const NEVER_WAITS_MS = 0;

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--host <address>', 'listen on this address (default 127.0.0.1; others need --token-file or --allow-peer)')
      .option('--port <n>', 'listen on this port (default 8080; 0 lets the system choose)')
      .option('--socket <path>', 'listen on a Unix socket instead')
      .option('--socket-mode <mode>', 'its mode, octal (default 660)')
      .option('--environment <environment>', 'admit only keys of this environment')
      .option('--service <service>', 'everything under /verify is this service, whatever the path says')
      .option('--header <name>', 'the header that the key comes in (default X-API-Key)')
      .option('--request-id-header <name>', 'the header that the proxy, and never its client, sets the request id in')
      .option('--trust-proxy <range>', 'believe X-Forwarded-For from these peers; repeat it for more', collect)
      .option('--allow-peer <range>', 'answer these peers only; repeat it for more', collect)
      .option('--token-file <file>', 'ask every caller for the bearer token in this file')
      .option('--exhausted-status <status>', "the status when the day's credits are spent (default 402)")
      .option('--nginx', 'answer denials as nginx can pass them on: 401 or 403, the true status in X-Keyctl-Status')
      .option('--first-key', 'make a first key if the store has none, and show it once')
      .addHelpText(
        'after',
        '\nEvery option but --first-key can come from the environment too: KEYCTL_SERVE_TOKEN_FILE is --token-file.' +
          '\nA socket that systemd hands over is listened on instead of --host and --port, or --socket.',
      ),

  run: async (call, _, options) => {
    keepHeapSmall();
    const variables = call.context.serviceVariables();
    const settings = readServeSettings(call, options, variables);
    const store = await call.openStore('create', BUSY_TIMEOUT_MS);
    const acts = await call.startActs(store, BUSY_TIMEOUT_MS);
    const settle = acts.blocks ? await settleNear(call, acts) : acts.settle;
    const [log, { startServer }] = await Promise.all([newLog(call.out), import('../http/server.ts')]);
    const { clock, version, nodeRelease, env, identity, randomBytes } = call.context;
    const notify = notifier(variables.notifySocket, env['PATH'], log);
    const stopRequested = call.context.stopRequested();
    const server = await startServer(settings, {
      store,
      acts: { settle, refund: acts.refund, addDenials: acts.addDenials, fold: acts.fold, sign: acts.sign, leave: acts.leave },
      alerts: { acts, post: await call.postWebhook() },
      gathers: !acts.blocks,
      process: { id: newId('srv', randomBytes), host: identity().host, pid: variables.pid },
      clock,
      log,
      version,
      nodeRelease,
    });
    try {
      if (flag(options, 'firstKey')) await makeFirstKey(call, store, server.address, settings);
      if (call.out.talksToPerson) call.out.note(`Serving on ${server.address} with the store at ${store.location}. Ctrl-C stops it.`);
      void notify('READY=1', `STATUS=Serving on ${server.address}`);
      const end = await Promise.race([stopRequested, acts.ended]);
      // Answering 503 for ever helps nobody; whoever watches over the process starts it again.
      if (end instanceof Error) throw new KeyctlError('failed', 'The thread that writes the store has ended.', { cause: end });
      if (call.out.talksToPerson) call.out.note(`${end}: finishing what is in flight.`);
    } finally {
      await Promise.all([notify('STOPPING=1', 'STATUS=Finishing what is in flight'), server.stop()]);
    }
    return undefined;
  },
};

/** On this thread while that is quick. */
async function settleNear(call: Call, acts: StartedActs): Promise<StartedActs['settle']> {
  const near = await call.openStore('write', NEVER_WAITS_MS);
  const { quickSettle } = await import('../http/quick-settle.ts');
  return quickSettle({
    here: (requests) => near.settle(requests),
    there: acts.settle,
    stopwatch: () => performance.now(),
    pause: (ms) => setTimeout(ms),
  });
}

/** A person reads sentences, and only what needs attention; a log collector reads JSON lines. */
async function newLog(out: Output): Promise<Logger> {
  if (!out.talksToPerson) {
    const { pino } = await import('pino');
    const log: Logger = pino({ name: 'keyctl', base: null }, pino.destination({ dest: 2, sync: true }));
    return log;
  }
  const say = (fields: object, message: string): void => {
    const details = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
    out.warn(`keyctl: ${message}${details.length === 0 ? '' : ` (${details.join(', ')})`}`);
  };
  return { info: () => undefined, warn: say, error: say };
}
