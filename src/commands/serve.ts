import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KeyctlError, usageError } from '../domain/error.ts';
import type { Store } from '../domain/store.ts';
import { DEFAULT_SERVE_OPTIONS, type ServeOptions } from '../http/options.ts';
import { createKey } from '../operations/create-key.ts';
import { collect, flag, list, option, wholeNumber, type Call, type CommandModule } from './call.ts';
import { delivering } from './deliver-secret.ts';
import { fullName } from './key-argument.ts';

/** Below the timeouts of every proxy: a verdict that comes later is one that nobody waits for. */
const BUSY_TIMEOUT_MS = 150;
const DEFAULT_SOCKET_MODE = 0o660;

type Options = Readonly<Record<string, unknown>>;

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
      .option('--first-key', 'make a first key if the store has none, and show it once'),

  run: async (call, _, options) => {
    const serveOptions = readServeOptions(call, options);
    const store = await call.openStore('create', BUSY_TIMEOUT_MS);
    const acts = await call.startActs(BUSY_TIMEOUT_MS);
    const [{ pino }, { startServer }] = await Promise.all([import('pino'), import('../http/server.ts')]);
    // A person reads sentences, a log collector reads JSON: where somebody sits, only what needs attention is logged.
    const log = pino(
      { name: 'keyctl', base: null, level: call.out.talksToPerson ? 'warn' : 'info' },
      pino.destination({ dest: 2, sync: true }),
    );
    const { clock, version } = call.context;
    const stopRequested = call.context.stopRequested();
    const server = await startServer(serveOptions, { store, acts, clock, log, version });
    if (flag(options, 'firstKey')) await makeFirstKey(call, store, server.address, serveOptions.header);
    if (call.out.talksToPerson) call.out.note(`Serving on ${server.address} with the store at ${store.location}. Ctrl-C stops it.`);
    const signal = await stopRequested;
    if (call.out.talksToPerson) call.out.note(`${signal}: finishing what is in flight.`);
    await server.stop();
    return undefined;
  },
};

function readServeOptions(call: Call, options: Options): ServeOptions {
  const socket = option(options, 'socket');
  const socketMode = option(options, 'socketMode');
  if (socket !== undefined && (option(options, 'port') !== undefined || option(options, 'host') !== undefined)) {
    throw usageError('--socket listens instead of --host and --port.', 'Give one or the other.');
  }
  if (socketMode !== undefined && socket === undefined) throw usageError('--socket-mode has no meaning without --socket.');
  const tokenFile = option(options, 'tokenFile');
  return {
    host: option(options, 'host') ?? DEFAULT_SERVE_OPTIONS.host,
    port: wholeNumber('--port', option(options, 'port') ?? String(DEFAULT_SERVE_OPTIONS.port), 0, 65_535),
    socket: socket === undefined ? null : { path: socket, mode: readMode(socketMode) },
    environment: option(options, 'environment') ?? null,
    service: option(options, 'service') ?? null,
    header: option(options, 'header') ?? DEFAULT_SERVE_OPTIONS.header,
    requestIdHeader: option(options, 'requestIdHeader') ?? null,
    trustProxy: list(options, 'trustProxy') ?? [],
    allowPeer: list(options, 'allowPeer') ?? [],
    token: tokenFile === undefined ? null : readToken(call, tokenFile),
    exhaustedStatus: wholeNumber('--exhausted-status', option(options, 'exhaustedStatus') ?? '402', 400, 499),
    nginx: flag(options, 'nginx'),
  };
}

function readMode(text: string | undefined): number {
  if (text === undefined) return DEFAULT_SOCKET_MODE;
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw usageError('--socket-mode must be an octal mode.', 'Write 660, or 600 for this user alone.');
}

/** The token is the file's content without one newline at its end. SECURITY: it is never repeated. */
function readToken(call: Call, path: string): string {
  let token: string;
  try {
    token = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    if ((statSync(path).mode & 0o077) !== 0) call.out.warn('keyctl: the token file can be read by other users; chmod 600 it.');
  } catch (error) {
    throw new KeyctlError('failed', 'The file of --token-file cannot be read.', {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  }
  if (token !== '') return token;
  throw usageError('The token file is empty.', 'Write one line into it, such as 40 random letters.');
}

/** For the first minutes with keyctl: a key to try, on the terminal once, or else in a file of mode 0600. */
async function makeFirstKey(call: Call, store: Store, address: string, header: string): Promise<void> {
  const { now, keys } = await store.read(async (tx, at) => ({ now: at, keys: await tx.keys.count({ now: at }) }));
  if (keys > 0) return;
  const file = call.out.isTerminal ? undefined : join(dirname(store.location), `first-key-${String(now)}.txt`);
  const wanted = {
    name: 'first',
    account: undefined,
    environment: 'production',
    expiresAt: null,
    services: [],
    allowedIps: [],
    dailyCap: null,
    note: null,
  };
  const { apiKey, key } = await delivering(file, (deliver) => createKey(store, wanted, call.actor, call.context.randomBytes, deliver));
  if (file !== undefined) {
    call.out.warn(`Made a first key, ${fullName(key)}. Its secret is in ${file} (mode 0600); try it with:`);
    call.out.warn(`  curl -i -H "${header}: $(cat ${file})" ${address}/verify`);
    return;
  }
  call.out.warn(`Made a first key, ${fullName(key)}. This is its secret; it is not shown again. Try it with:`);
  call.out.data(`  curl -i -H '${header}: ${apiKey}' ${address}/verify`);
}
