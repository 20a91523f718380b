// How far the tests go that find more the longer they go on. In `npm test` and `npm run test:system` each takes a small share, whose seed it
// tells; `npm run test:long` gives them as much as there is time for.

const number = (name: string): number | undefined => {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : Number(text);
};

/** What the chance of a test begins with: the same sees the same again. */
export const SEED = number('KEYCTL_TEST_SEED') ?? Date.now() % 1e9;

/** Where the time of the whole run is what ends a test. */
const MS = number('KEYCTL_TEST_MS');

/** Random sequences of acts, compared with a model. In a database, where each takes some thirty times as long, there are fewer. */
export const SEQUENCES = { what: 'sequences', sequences: number('KEYCTL_TEST_SEQUENCES') ?? 1_000, ms: MS ?? 20_000, steps: 40 } as const;
export const DATABASE_SEQUENCES = {
  ...{ what: 'sequences over PostgreSQL', steps: SEQUENCES.steps },
  ...{ sequences: Math.ceil(SEQUENCES.sequences / 50), ms: MS === undefined ? 12_000 : MS / 2 },
} as const;

/** A failing sequence that is to be seen again; and whether the first failure will do, whatever the size of it. */
export const REPLAYED = { seed: number('KEYCTL_TEST_SEED'), path: process.env['KEYCTL_TEST_PATH'] ?? '' } as const;
export const FIRST_WILL_DO = process.env['KEYCTL_TEST_FIRST'] === '1';

/** kill -9 of servers and of those beside them: so many of them at most, and for so long. */
export const KILLS = { kills: number('KEYCTL_TEST_KILLS') ?? 15, ms: MS ?? Number.POSITIVE_INFINITY } as const;

/** How many times as many runs as usual there are of a property whose every run has a store of its own. */
export const PROPERTY_TIMES = number('KEYCTL_TEST_PROPERTY_TIMES') ?? 1;

/**
 * Of the calls of a program at which a disk can fail, one in so many does in each of the three ways in which it can; 1 is all of them. With 3
 * every call fails in one way.
 */
export const FAULT_EVERY = number('KEYCTL_TEST_FAULT_EVERY') ?? 5;
