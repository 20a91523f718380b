import { request, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  /** Names and values; a list sends the header as often. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** The address of 127.0.0.0/8 to come from. */
  readonly from?: string;
  readonly body?: string;
}

/** One request on a connection of its own. */
export function ask(port: number, { method = 'GET', path = '/', headers = {}, from = '127.0.0.1', body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]] as const);
    const req = request(
      { host: '127.0.0.1', port, method, path, headers: Object.fromEntries(sent), localAddress: from, agent: false },
      (res) => {
        let text = '';
        res.on('data', (chunk) => (text += String(chunk)));
        res.on('error', reject);
        res.on('end', () => {
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text });
        });
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}

/** A JSON object, for looking into. */
export function jsonOf(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new TypeError(`not a JSON object: ${text}`);
}

export function jsonListOf(text: string): readonly Readonly<Record<string, unknown>>[] {
  const value: unknown = JSON.parse(text);
  if (Array.isArray(value)) return value as readonly Readonly<Record<string, unknown>>[];
  throw new TypeError(`not a JSON array: ${text}`);
}
