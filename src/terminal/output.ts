import { usageError } from '../domain/error.ts';
import { wrapLines } from './fit.ts';

/** Where a program writes; its size only on a terminal. */
export interface Sink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

export interface OutputOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly json: boolean;
  /** Fields chosen by `--fields`, or null for all. */
  readonly fields: readonly string[] | null;
  readonly quiet: boolean;
  readonly color: boolean;
  /** Whether pictures may be drawn with more than ASCII. */
  readonly unicode?: boolean;
}

/** Any JSON object that a command shows; its fields are what `--fields` chooses from. */
export type Shown = Readonly<Record<string, unknown>>;

/**
 * What a command says. stdout carries data, stderr talk. With `--json` the data is JSON, and stdout holds nothing else.
 */
export class Output {
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  get json(): boolean {
    return this.#options.json;
  }

  /** Whether a person looks at stdout. */
  get isTerminal(): boolean {
    return this.#options.stdout.isTTY === true;
  }

  /** Whether a person reads stderr. */
  get talksToPerson(): boolean {
    return this.#options.stderr.isTTY === true;
  }

  /** Where a person watches what goes on, or null where nobody does or wants to. */
  get watched(): Sink | null {
    return this.talksToPerson && !this.#options.quiet && !this.json ? this.#options.stderr : null;
  }

  /** The whole of the terminal, or null where nobody looks at one. */
  get screen(): Sink | null {
    return this.isTerminal && !this.json ? this.#options.stdout : null;
  }

  get color(): boolean {
    return this.#options.color;
  }

  get unicode(): boolean {
    return this.#options.unicode ?? false;
  }

  /** A terminal that does not know its width says 0. */
  get columns(): number {
    const { columns = 0 } = this.#options.stdout;
    return columns === 0 ? 80 : columns;
  }

  /** How wide a line of text may be before it goes on in the next; without end where nobody looks at a terminal. */
  get places(): number {
    return this.isTerminal ? this.columns : Infinity;
  }

  /** Data: one or more whole lines, without the last newline. */
  data(text: string): void {
    this.#options.stdout.write(`${text}\n`);
  }

  /** Data in pieces, as a long JSON array is. */
  raw(text: string): void {
    this.#options.stdout.write(text);
  }

  /** Talk, left out with `--quiet`. */
  note(text: string): void {
    if (!this.#options.quiet) this.warn(text);
  }

  /** Talk of the moment on a terminal: a line that the next one takes the place of; an empty one clears it. */
  passing(text: string): void {
    if (this.talksToPerson && !this.#options.quiet) this.#options.stderr.write(`\r\u001b[K${text}`);
  }

  /** A warning, which `--quiet` does not silence. */
  warn(text: string): void {
    this.#options.stderr.write(`${wrappedFor(this.#options.stderr, text)}\n`);
  }

  /** Checks `--fields` against what there is; throws `usage` with the list. */
  checkFields(known: readonly string[]): void {
    const unknown = (this.#options.fields ?? []).filter((field) => !known.includes(field));
    if (unknown.length > 0) throw usageError('--fields names a field that is not there.', `Fields: ${known.join(', ')}.`);
  }

  /** The object with the fields that `--fields` chose, in the order given there. */
  select(shown: Shown): Shown {
    const { fields } = this.#options;
    return fields === null ? shown : Object.fromEntries(fields.map((field) => [field, shown[field]]));
  }

  jsonText(value: unknown): string {
    return this.isTerminal ? JSON.stringify(value, null, 2) : JSON.stringify(value);
  }

  /** One object: JSON with `--json`, else what `human` writes. */
  show(shown: Shown, human: () => string, known: readonly string[] = Object.keys(shown)): void {
    if (!this.json) {
      this.data(wrapLines(human(), this.places));
      return;
    }
    this.checkFields(known);
    this.data(this.jsonText(this.select(shown)));
  }

  /** The same where the text is for a program, a unit file or a script, say: no line of it is broken. */
  showVerbatim(shown: Shown, verbatim: () => string, known: readonly string[]): void {
    if (this.json) this.show(shown, () => '', known);
    else this.data(verbatim());
  }
}

/** Talk as it is written there: on a terminal its lines end between words. */
export function wrappedFor({ isTTY, columns = 0 }: Sink, text: string): string {
  return isTTY === true && columns > 0 ? wrapLines(text, columns) : text;
}
