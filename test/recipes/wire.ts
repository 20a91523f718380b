import { createConnection, type Socket } from 'node:net';

export type Header = readonly [name: string, value: string];

/** A request as a client sent it to the proxy. */
export interface ClientRequest {
  readonly method?: string;
  /** The path and query, byte for byte. */
  readonly target?: string;
  readonly headers?: readonly Header[];
  /** The client's address. */
  readonly from?: string;
  readonly body?: string;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: string;
}

/** What becomes of a client's request: the API gets it, with these headers, or the client gets an answer of the proxy. */
export type Outcome =
  | { readonly passed: true; readonly headers: readonly Header[]; readonly toClient: readonly Header[] }
  | { readonly passed: false; readonly answer: WireAnswer };

export function header(headers: readonly Header[], name: string): string | undefined {
  return headers.find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1];
}

/** The bytes of a request. */
export function requestBytes(line: string, headers: readonly Header[], body = ''): string {
  return [line, ...headers.map(([name, value]) => `${name}: ${value}`), '', body].join('\r\n');
}

/** A proxy's connection to keyctl: it is used for one question after the other, and made anew when keyctl closed it. */
export class KeptConnection {
  readonly #port: number;
  #socket: Socket | null = null;
  #connections = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** How many connections were made so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Writes the bytes and reads one answer. Rejects when there is none. */
  ask(bytes: string, method: string): Promise<WireAnswer> {
    const socket = this.#socket ?? this.#connect();
    return new Promise((resolve, reject) => {
      let text = '';
      const heard = (chunk: string): void => {
        text += chunk;
        const answer = parseAnswer(text, method);
        if (answer === null) return;
        settle();
        if (/^close$/i.test(header(answer.headers, 'connection') ?? '')) this.close();
        resolve(answer);
      };
      const ended = (): void => {
        settle();
        reject(new Error('the connection ended without an answer'));
      };
      const settle = (): void => {
        socket.off('data', heard).off('close', ended);
      };
      socket.on('data', heard).on('close', ended);
      socket.write(bytes, 'latin1');
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(): Socket {
    const socket = createConnection(this.#port, '127.0.0.1');
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = null;
    });
    this.#socket = socket;
    this.#connections += 1;
    return socket;
  }
}

/** The answer, if it is there as a whole. Throws where something follows it that nobody asked for. */
function parseAnswer(text: string, method: string): WireAnswer | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line): Header => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
  const length = method === 'HEAD' ? 0 : Number(header(headers, 'content-length'));
  const body = text.slice(end + 4);
  if (body.length < length) return null;
  if (body.length > length || Number.isNaN(length)) throw new Error(`an answer of another length than it says: ${text}`);
  return { status: Number(statusLine.split(' ')[1]), headers, body };
}
