import { describe, expect, test } from '@jest/globals';
import { showListing } from '../../src/terminal/listing.ts';
import { Output } from '../../src/terminal/output.ts';

describe('a long listing', () => {
  test.each([true, false])('lets the loop turn, so that a reader who has gone is noticed (json: %j)', async (json) => {
    let gone = false;
    let read = 0;
    /** Rows without end, each there at once, until somebody notices. */
    function* rows(): Generator<number> {
      while (!gone) {
        read += 1;
        yield read;
      }
    }
    const stdout = {
      write: (): void => {
        // A process hears that its reader has gone in a later turn of the loop.
        setImmediate(() => (gone = true));
      },
    };
    const out = new Output({ stdout, stderr: { write: () => undefined }, json, fields: null, quiet: false, color: false });
    const column = { header: 'N', person: String, script: String };
    await showListing(out, { rows: rows(), json: (row) => ({ n: row }), fields: ['n'], columns: [column], empty: 'none' });
    expect(read).toBeGreaterThan(0);
  });
});
