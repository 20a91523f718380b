import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../src/domain/store.ts';
import { openStore } from '../../src/stores/open-store.ts';
import { temporaryFolder, type TestClock } from '../harness.ts';
import { temporaryDatabase } from '../postgres/database.ts';
import { openAt } from '../postgres/store.ts';

type Mode = 'read' | 'write';

/** Where a store is, for as many connections as are wanted. */
export interface Place {
  /** Numbers of debits may be left out: they are reserved before it is known how many are needed. */
  readonly skipsNumbers: boolean;
  open(mode: Mode, clock: TestClock): Promise<Store>;
  cleanUp(): Promise<void>;
}

/** What is left of the first store when it is closed: as many copies as are wanted. */
interface Settled {
  copy(): Promise<Place>;
  cleanUp(): Promise<void>;
}

/** A kind of store for sequences, of which each begins with a copy of the same one. */
export interface Ground {
  readonly name: string;
  /** The store to be copied; `settled` is for when it is closed. */
  begin(clock: TestClock): Promise<{ readonly store: Store; readonly settled: () => Promise<Settled> }>;
}

/** Where there is such a folder, a thousand stores are made and committed to without waiting for a disk. */
const SHARED_MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

async function openFile(location: string, mode: Mode | 'create', clock: TestClock): Promise<Store> {
  return (await openStore({ location, mode, clock: () => clock.now, randomBytes, busyTimeoutMs: 10_000 })).store;
}

function copyOf(template: string): Place {
  const folder = temporaryFolder(SHARED_MEMORY);
  const file = join(folder.path, 'keyctl.db');
  copyFileSync(template, file);
  return {
    skipsNumbers: false,
    open: (mode, clock) => openFile(file, mode, clock),
    cleanUp: async () => {
      folder.cleanUp();
    },
  };
}

export const FILES: Ground = {
  name: 'SQLite',
  begin: async (clock) => {
    const folder = temporaryFolder();
    const template = join(folder.path, 'template.db');
    return {
      store: await openFile(template, 'create', clock),
      settled: async () => ({ copy: async () => copyOf(template), cleanUp: async () => folder.cleanUp() }),
    };
  },
};

export const DATABASES: Ground = {
  name: 'PostgreSQL',
  begin: async (clock) => {
    const template = await temporaryDatabase();
    const copy = async (): Promise<Place> => {
      const { url, cleanUp } = await temporaryDatabase(template.name);
      return { skipsNumbers: true, open: (mode, now) => openAt(url, mode, now), cleanUp };
    };
    return { store: await openAt(template.url, 'create', clock), settled: async () => ({ copy, cleanUp: template.cleanUp }) };
  },
};
