import fc from 'fast-check';
import { FIRST_WILL_DO, REPLAYED } from '../budget.ts';

/** How many sequences a run takes, or how long it goes on. */
interface Budget {
  /** What they are called where a run tells of them. */
  readonly what: string;
  readonly sequences: number;
  readonly ms: number;
}

/** What the environment says of a failure that is to be seen again. */
function replayed(): { seed?: number; path?: string } {
  const { seed, path } = REPLAYED;
  return { ...(seed === undefined ? {} : { seed }), ...(path === '' ? {} : { path }) };
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
  const usual = { endOnFailure: FIRST_WILL_DO, ...replayed() };
  let details = await fc.check(property, { ...usual, numRuns: sequences, interruptAfterTimeLimit: ms });
  // On a machine that is short of everything not even one came to its end. One has to, however long it takes.
  if (details.interrupted && details.numRuns === 0) details = await fc.check(property, { ...usual, seed: details.seed, numRuns: 1 });
  const seconds = Math.round((performance.now() - began) / 1_000);
  const told = { sequences: details.numRuns, ...taken(), seconds, seed: details.seed };
  process.stdout.write(`${what}: ${JSON.stringify(told)}\n`);
  if (!details.failed || details.counterexample === null) return details;
  const { seed, counterexamplePath: path } = details;
  const again = `KEYCTL_TEST_SEED=${String(seed)} KEYCTL_TEST_PATH=${path ?? ''} npm run jest -- ${file}`;
  throw new Error(`${fc.defaultReportMessage(details) ?? ''}\n\nTo see it again: ${again}`, { cause: details.errorInstance });
}
