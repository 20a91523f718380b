import fc from 'fast-check';

const number = (name: string): number | undefined => {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : Number(text);
};

/** How many sequences a run takes, or how long it goes on. */
export interface Budget {
  /** What they are called where a run tells of them. */
  readonly what: string;
  readonly sequences: number;
  readonly ms: number;
}

/** 1,000 sequences in `npm test`, or as many of them as 90 seconds allow; as many as there is time for in a long run. */
export const MODEL_BUDGET = {
  what: 'sequences',
  sequences: number('KEYCTL_TEST_SEQUENCES') ?? 1_000,
  ms: number('KEYCTL_TEST_MS') ?? 90_000,
  steps: 40,
} as const;

/** In a database, which takes some thirty times as long, there are fewer of them. */
export const DATABASE_BUDGET = {
  ...{ what: 'sequences over PostgreSQL', steps: MODEL_BUDGET.steps },
  ...{ sequences: Math.ceil(MODEL_BUDGET.sequences / 50), ms: MODEL_BUDGET.ms / 2 },
} as const;

/** The first failure will do, whatever the size of it. */
const FIRST = process.env['KEYCTL_TEST_FIRST'] === '1';

/** What the environment says of a failure that is to be seen again. */
function replayed(): { seed?: number; path?: string } {
  const seed = number('KEYCTL_TEST_SEED');
  const path = process.env['KEYCTL_TEST_PATH'];
  return { ...(seed === undefined ? {} : { seed }), ...(path === undefined || path === '' ? {} : { path }) };
}

/**
 * Runs a property and tells which seed it had and what `taken` says of it. A failure is shrunk as long as there is time, and tells how to
 * see it again.
 */
export async function explore<Values extends [unknown]>(
  file: string,
  property: fc.IAsyncProperty<Values>,
  { what, sequences, ms }: Budget,
  taken: () => object,
): Promise<fc.RunDetails<Values>> {
  const began = performance.now();
  const details = await fc.check(property, { numRuns: sequences, interruptAfterTimeLimit: ms, endOnFailure: FIRST, ...replayed() });
  const seconds = Math.round((performance.now() - began) / 1_000);
  const told = { sequences: details.numRuns, ...taken(), seconds, seed: details.seed };
  process.stdout.write(`${what}: ${JSON.stringify(told)}\n`);
  if (!details.failed || details.counterexample === null) return details;
  const { seed, counterexamplePath: path } = details;
  const again = `KEYCTL_TEST_SEED=${String(seed)} KEYCTL_TEST_PATH=${path ?? ''} npm run jest -- ${file}`;
  throw new Error(`${fc.defaultReportMessage(details) ?? ''}\n\nTo see it again: ${again}`, { cause: details.errorInstance });
}
