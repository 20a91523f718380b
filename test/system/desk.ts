import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { Installation } from './installation.ts';
import { programPath } from './programs.ts';
import { Terminals } from './terminal.ts';

/** Where the operator of a test sits: real terminals, and for each test a store of its own that is not there yet. */
export interface Desk {
  readonly home: Installation;
  readonly terminals: Terminals;
  /** The store of this test. */
  readonly db: string;
  /** Runs a command beside the terminals on that store and returns its stdout. */
  run(...args: readonly string[]): Promise<string>;
}

/** Set up before the tests of the file that calls it, and taken away after them. */
export function desk(): Desk {
  let home: Installation;
  let terminals: Terminals;
  let count = 0;
  beforeAll(async () => {
    programPath('tmux');
    home = new Installation();
    terminals = await Terminals.open(home.folder);
  });
  afterAll(async () => {
    await terminals.close();
    home.remove();
  });
  beforeEach(() => {
    count += 1;
  });
  return {
    get home() {
      return home;
    },
    get terminals() {
      return terminals;
    },
    get db() {
      return `${home.folder}/store${String(count)}.db`;
    },
    run(...args) {
      return home.run(['--db', this.db, ...args]);
    },
  };
}
