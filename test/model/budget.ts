import fc from 'fast-check';

const number = (name: string): number | undefined => {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : Number(text);
};

/** How many sequences a run takes, or how long it goes on. */
export interface Budget {
  readonly sequences: number;
  readonly ms: number;
}

/** 1,000 sequences of what may take half a minute in `npm test`; as many as there is time for in a long run. */
export const MODEL_BUDGET = {
  sequences: number('KEYCTL_TEST_SEQUENCES') ?? 1_000,
  ms: number('KEYCTL_TEST_MS') ?? 180_000,
  steps: 40,
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
 * Runs a property and writes to stderr which seed it had. A failure is shrunk for at most half a minute, and tells how to see it again.
 */
export async function explore<Values extends [unknown]>(
  file: string,
  property: fc.IAsyncProperty<Values>,
  { sequences, ms }: Budget,
): Promise<fc.RunDetails<Values>> {
  const began = performance.now();
  const details = await fc.check(property, { numRuns: sequences, interruptAfterTimeLimit: ms, endOnFailure: FIRST, ...replayed() });
  const seconds = (performance.now() - began) / 1_000;
  process.stderr.write(`${file}: ${String(details.numRuns)} sequences in ${seconds.toFixed(1)} s, seed ${String(details.seed)}\n`);
  if (!details.failed || details.counterexample === null) return details;
  const { seed, counterexamplePath: path } = details;
  const again = `KEYCTL_TEST_SEED=${String(seed)} KEYCTL_TEST_PATH=${path ?? ''} npm run jest -- ${file}`;
  throw new Error(`${fc.defaultReportMessage(details) ?? ''}\n\nTo see it again: ${again}`, { cause: details.errorInstance });
}
