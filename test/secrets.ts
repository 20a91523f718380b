import { classifyApiKey } from '../src/domain/api-key.ts';

/** As much of a secret as nobody may be told beyond its mask: so many characters running. */
const PIECE = 12;
/** What a mask shows of a key: its head with four random characters, and the last four. */
const HEAD = /^(?:[a-z][a-z0-9]{0,11}_[a-z0-9]{2,8}_)?.{4}/;
const SHOWN_AT_THE_END = 4;

const FORMS: Readonly<Record<string, (piece: string) => string>> = {
  plain: (piece) => piece,
  base64: (piece) => Buffer.from(piece).toString('base64'),
  hex: (piece) => Buffer.from(piece).toString('hex'),
  'hex in capitals': (piece) => Buffer.from(piece).toString('hex').toUpperCase(),
  'percent-encoded': (piece) => Buffer.from(piece).toString('hex').toUpperCase().replaceAll(/../g, '%$&'),
  'UTF-16': (piece) => Buffer.from(piece, 'utf16le').toString('latin1'),
  backwards: (piece) => [...piece].reverse().join(''),
};

/** Pieces of 12 characters from every place: one of them is whole in any base64 text, however the secret lies in it. */
function hiddenPieces(secret: string): string[] {
  const from = HEAD.exec(secret)?.[0].length ?? 0;
  const hidden = secret.slice(from, -SHOWN_AT_THE_END);
  if (hidden.length < PIECE) return [secret];
  return Array.from({ length: hidden.length - PIECE + 1 }, (_, place) => hidden.slice(place, place + PIECE));
}

interface Trace {
  readonly bytes: Buffer;
  readonly what: string;
}

/** Secrets that were made, and the search for any of them, or a piece of one, in whatever keyctl told or kept. */
export class Secrets {
  /** By their first four bytes. */
  readonly #traces = new Map<number, Trace[]>();
  /** Whether any trace may begin so: a million bytes are gone through in milliseconds, however many secrets there are. */
  readonly #beginnings = new Uint8Array(65_536);
  readonly #known = new Set<string>();

  add(secret: string): string {
    if (this.#known.has(secret)) return secret;
    this.#known.add(secret);
    for (const piece of hiddenPieces(secret)) {
      for (const [form, encode] of Object.entries(FORMS)) {
        const bytes = Buffer.from(encode(piece), 'latin1');
        const beginning = bytes.readUInt32LE(0);
        this.#traces.set(beginning, [
          ...(this.#traces.get(beginning) ?? []),
          { bytes, what: `secret ${String(this.#known.size)}, ${form}` },
        ]);
        this.#beginnings[slot(beginning)] = 1;
      }
    }
    return secret;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Which secrets stand in it, and in which form; nothing that is returned holds one. */
  findIn(told: string | Buffer): readonly string[] {
    const bytes = typeof told === 'string' ? Buffer.from(told, 'latin1') : told;
    const found = new Set<string>();
    for (let place = 0; place + 4 <= bytes.length; place += 1) {
      const beginning = bytes.readUInt32LE(place);
      if (this.#beginnings[slot(beginning)] === 0) continue;
      for (const trace of this.#traces.get(beginning) ?? []) {
        if (bytes.subarray(place, place + trace.bytes.length).equals(trace.bytes)) found.add(trace.what);
      }
    }
    return [...found];
  }
}

/** Held here, since it is called for every byte: Jest looks a global name up anew each time, for longer than all the rest takes. */
const { imul } = Math;

function slot(beginning: number): number {
  return imul(beginning, 0x9e3779b1) >>> 16;
}

const SHAPE = /[a-z][a-z0-9]{0,11}_[a-z0-9]{2,8}_[0-9A-Za-z]{36}(?![0-9A-Za-z])/g;

/** Every whole secret of our own form in a text: those that keyctl, or a test in its place, has made, since the checksum holds. */
export function keysIn(text: string): readonly string[] {
  return (text.match(SHAPE) ?? []).filter((found) => classifyApiKey(found, new Set()) === 'ours');
}

/** The commands that show a secret, alone on stdout or as `apiKey`. */
const SHOWS = /^(create|init|rotate)$/;

/**
 * Throws when a run of keyctl told a secret where it does not belong: anywhere but, once, on the stdout of `create`, `init` and `rotate`. What the
 * harness runs goes through here, so that the whole suite is one search.
 */
export function refuseTold(args: readonly string[], stdout: string, stderr: string): void {
  const shows = args.some((word) => SHOWS.test(word)) && !args.includes('--out');
  const shown = keysIn(stdout).length;
  if (keysIn(stderr).length === 0 && shown <= (shows ? 1 : 0)) return;
  throw new Error(`a secret was told by: keyctl ${args.filter((word) => !word.includes('_')).join(' ')}`);
}
