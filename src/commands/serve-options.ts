import { readFileSync, statSync } from 'node:fs';
import { platform } from 'node:os';
import { KeyctlError, usageError } from '../domain/error.ts';
import { othersMayUse } from '../domain/file-mode.ts';
import { whereItListens } from '../http/handed-over.ts';
import { DEFAULT_SERVE_OPTIONS, type HandedOver, type ServeOptions } from '../http/options.ts';
import { flag, list, option, wholeNumber, type Call } from './call.ts';
import { handedOver, type ServiceVariables } from './serve-variables.ts';

const DEFAULT_SOCKET_MODE = 0o660;

const PREFIX = 'KEYCTL_SERVE_';
/** What the environment may say, by the names that the options have in the program. */
const NAMES = [
  ...['host', 'port', 'socket', 'socketMode', 'environment', 'service', 'header', 'requestIdHeader', 'trustProxy', 'allowPeer'],
  ...['tokenFile', 'exhaustedStatus', 'nginx'],
];

type Options = Readonly<Record<string, unknown>>;

/** What serve is told: a flag, else the environment variable of its name (`KEYCTL_SERVE_TOKEN_FILE` for `--token-file`), else a default. */
export interface ServeSettings extends ServeOptions {
  /** Where the token came from. */
  readonly tokenFile: string | null;
}

/**
 * Throws `usage` for settings that cannot be meant, and `failed` for a token file that cannot be read or a descriptor that is no socket.
 * `variables` are what the service manager said.
 */
export function readServeSettings(call: Call, options: Options, variables: ServiceVariables): ServeSettings {
  const told = new Told(options, call.context.env);
  warnOfUnknown(call);
  const listening = readListening(told, handedOver(variables));
  const tokenFile = told.text('tokenFile') ?? null;
  return {
    ...listening,
    environment: told.text('environment') ?? null,
    service: told.text('service') ?? null,
    header: told.text('header') ?? DEFAULT_SERVE_OPTIONS.header,
    requestIdHeader: told.text('requestIdHeader') ?? null,
    trustProxy: told.list('trustProxy'),
    allowPeer: told.list('allowPeer'),
    tokenFile,
    token: tokenFile === null ? null : readToken(call, tokenFile),
    exhaustedStatus: wholeNumber(
      '--exhausted-status',
      told.text('exhaustedStatus') ?? String(DEFAULT_SERVE_OPTIONS.exhaustedStatus),
      400,
      499,
    ),
    nginx: told.flag('nginx'),
  };
}

/**
 * A flag beats the environment, also where it says something else that excludes it: `--port` beats KEYCTL_SERVE_SOCKET, and so does a socket
 * that was handed over. With that one, flags that say where to listen contradict it.
 */
function readListening(told: Told, given: HandedOver | null): Pick<ServeOptions, 'host' | 'port' | 'socket' | 'handedOver'> {
  if (given !== null) {
    if (!['host', 'port', 'socket', 'socketMode'].some((name) => told.byFlag(name))) return { ...whereItListens(given), handedOver: given };
    throw usageError(
      'serve was handed a socket, so --host, --port, --socket and --socket-mode have no meaning.',
      'Leave them to its unit.',
    );
  }
  if (told.byFlag('socket') && (told.byFlag('host') || told.byFlag('port'))) {
    throw usageError('--socket listens instead of --host and --port.', 'Give one or the other.');
  }
  const path = told.byFlag('host') || told.byFlag('port') ? undefined : told.text('socket');
  const mode = told.text('socketMode');
  if (told.byFlag('socketMode') && path === undefined) throw usageError('--socket-mode has no meaning without --socket.');
  return {
    host: told.text('host') ?? DEFAULT_SERVE_OPTIONS.host,
    port: wholeNumber('--port', told.text('port') ?? String(DEFAULT_SERVE_OPTIONS.port), 0, 65_535),
    socket: path === undefined ? null : { path, mode: readMode(mode) },
    handedOver: null,
  };
}

class Told {
  readonly #options: Options;
  readonly #env: Call['context']['env'];

  constructor(options: Options, env: Call['context']['env']) {
    this.#options = options;
    this.#env = env;
  }

  byFlag(name: string): boolean {
    return option(this.#options, name) !== undefined;
  }

  text(name: string): string | undefined {
    return option(this.#options, name) ?? this.#variable(name);
  }

  /** In the environment they are separated by commas. */
  list(name: string): readonly string[] {
    const items = this.#variable(name)?.split(',');
    return list(this.#options, name) ?? items?.map((item) => item.trim()).filter((item) => item !== '') ?? [];
  }

  flag(name: string): boolean {
    const variable = this.#variable(name);
    if (variable !== undefined && !/^(1|0|true|false)$/.test(variable)) {
      throw usageError(`${variableOf(name)} is neither true nor false.`, 'Write 1 or 0.');
    }
    return flag(this.#options, name) || variable === '1' || variable === 'true';
  }

  /** An empty variable says nothing, as one that a unit file left blank. */
  #variable(name: string): string | undefined {
    const value = this.#env[variableOf(name)];
    return value === '' ? undefined : value;
  }
}

/** One letter amiss in a unit file, and a server would run without its token. A warning only: others set variables as well, such as Kubernetes. */
function warnOfUnknown({ context, out }: Call): void {
  const known = new Set(NAMES.map(variableOf));
  for (const name of Object.keys(context.env)) {
    if (name.startsWith(PREFIX) && !known.has(name))
      out.warn(`keyctl: ${name} is no option of serve and means nothing; see keyctl serve --help.`);
  }
}

function variableOf(name: string): string {
  return `${PREFIX}${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
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
    if (othersMayUse(statSync(path).mode, platform())) call.out.warn('keyctl: the token file can be read by other users; chmod 600 it.');
  } catch (error) {
    throw new KeyctlError('failed', 'The file of --token-file cannot be read.', {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  }
  if (token !== '') return token;
  throw usageError('The token file is empty.', 'Write one line into it, such as 40 random letters.');
}
