import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from './programs.ts';

/** The loader puts the host's own folder in for $LIB, as the program faketime has it. */
const LIBRARY = '/usr/$LIB/faketime/libfaketimeMT.so.1';

/**
 * The clock of real processes under Debian's faketime, which can be set while they run. What is not the time of day (timers, and so
 * timeouts) runs on as it is.
 */
export class FakedClock {
  readonly #file: string;

  /** `name` tells several clocks of one folder apart. */
  constructor(folder: string, name = 'clock') {
    programPath('faketime');
    this.#file = join(folder, name);
  }

  /** The clock stands still at an instant, to the millisecond. */
  standAt(instant: string): void {
    // Half a millisecond more, since faketime reads the fraction as a float and would sometimes fall below.
    this.#write(`${(Date.parse(instant) / 1_000).toFixed(3)}5`);
  }

  /** The clock runs on from an instant. */
  runFrom(instant: string): void {
    const seconds = (Date.parse(instant) - Date.now()) / 1_000;
    this.#write(`${seconds < 0 ? '-' : '+'}${Math.abs(seconds).toFixed(3)}`);
  }

  /** What a process gets in its environment to live by this clock, in a time zone. */
  env(timeZone: string): Readonly<Record<string, string>> {
    return {
      TZ: timeZone,
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      // Seconds since 1970, since other ways of writing an instant depend on the time zone.
      FAKETIME_FMT: '%s',
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** In one step: a process reads the file at any time. */
  #write(text: string): void {
    writeFileSync(`${this.#file}.new`, `${text}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
