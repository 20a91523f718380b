import type { Instant } from '../domain/utc-day.ts';
import type { After } from './options.ts';

/** As many invalid keys as a person mistypes; more from one address within the window is somebody trying. */
const FREE_GUESSES = 5;
const WINDOW_MS = 30_000;
const DELAY_STEP_MS = 200;
const LONGEST_DELAY_MS = 1_000;
const MOST_ADDRESSES = 10_000;
const MOST_WAITING = 1_000;

interface Guesses {
  readonly since: Instant;
  count: number;
}

/**
 * Slows the invalid answers, and only those, to a client address that keeps presenting invalid keys. It is bounded in what it
 * remembers and in how many answers it holds back; beyond that it lets go, since it must not become a way to fill memory.
 */
export class GuessBrake {
  readonly #clock: () => Instant;
  readonly #after: After;
  readonly #addresses = new Map<string, Guesses>();
  /** Answers held back, by their connection. */
  readonly #waiting = new Map<object, Set<() => void>>();
  #held = 0;

  constructor(clock: () => Instant, after: After) {
    this.#clock = clock;
    this.#after = after;
  }

  /** Calls `answer` now, or up to a second later where the address has guessed too often. An unknown address is not slowed. */
  invalid(address: string | null, connection: object, answer: () => void): void {
    const delay = address === null ? 0 : this.#delayOf(address);
    if (delay === 0 || this.#held >= MOST_WAITING) answer();
    else this.#hold(connection, delay, answer);
  }

  /** A valid answer leaves on the connection: what was held back before it goes first, for answers keep their order. */
  release(connection: object): void {
    for (const letGo of this.#waiting.get(connection) ?? []) letGo();
  }

  releaseAll(): void {
    for (const held of [...this.#waiting.values()]) for (const letGo of [...held]) letGo();
  }

  #delayOf(address: string): number {
    const now = this.#clock();
    const known = this.#addresses.get(address);
    if (known !== undefined && now >= known.since && now - known.since < WINDOW_MS) {
      known.count += 1;
      return Math.min(LONGEST_DELAY_MS, Math.max(0, known.count - FREE_GUESSES) * DELAY_STEP_MS);
    }
    this.#addresses.delete(address);
    if (this.#addresses.size >= MOST_ADDRESSES) this.#forgetOldest();
    this.#addresses.set(address, { since: now, count: 1 });
    return 0;
  }

  /** Addresses stand in the order in which their windows began. */
  #forgetOldest(): void {
    const [oldest] = this.#addresses.keys();
    if (oldest !== undefined) this.#addresses.delete(oldest);
  }

  #hold(connection: object, ms: number, answer: () => void): void {
    const held = this.#waiting.get(connection) ?? new Set();
    this.#waiting.set(connection, held);
    this.#held += 1;
    const letGo = (): void => {
      if (!held.delete(letGo)) return;
      cancel();
      this.#held -= 1;
      if (held.size === 0) this.#waiting.delete(connection);
      answer();
    };
    const cancel = this.#after(ms, letGo);
    held.add(letGo);
  }
}
