import { usageError } from '../domain/error.ts';
import { parseDuration } from '../domain/utc-day.ts';
import { describeStatus, STATUS_FIELDS, statusJson } from '../operations/describe-status.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { painter } from '../terminal/painter.ts';
import { flag, option, type CommandModule } from './call.ts';
import { statusScreen } from './status-screen.ts';

const EVERY_MS = 2_000;
const [LEAST_MS, MOST_MS] = [1_000, 3_600_000];

export const command: CommandModule = {
  configure: (cli) =>
    void cli
      .option('--watch', 'keep looking: the whole screen drawn anew, or with --json a line for each look')
      .option('--every <length>', 'with --watch: how often to look, from 1s to 1h; without it every 2 seconds'),

  run: async (call, _, options) => {
    const { out, context } = call;
    out.checkFields(STATUS_FIELDS);
    const watch = flag(options, 'watch');
    const every = readEvery(option(options, 'every'), watch);
    const isDumb = context.env['TERM'] === 'dumb';
    if (watch && !out.json && (out.screen === null || isDumb)) {
      throw usageError('--watch needs a terminal that it can draw on.', 'With --json it writes a line for each look, for scripts.');
    }
    const store = await call.openStore('read');
    const style = { glyphs: glyphs(out.unicode), paint: painter(out.color) };
    if (watch) {
      const { streamStatus, watchStatus } = await import('./status-watch.ts');
      if (out.screen === null) await streamStatus(call, store, every);
      else await watchStatus(call, store, { terminal: out.screen, everyMs: every, style });
      return undefined;
    }
    const status = await describeStatus(store);
    out.show(statusJson(status), () => statusScreen(status, { ...style, places: out.columns }).join('\n'), STATUS_FIELDS);
    return undefined;
  },
};

function readEvery(text: string | undefined, watch: boolean): number {
  if (text === undefined) return EVERY_MS;
  if (!watch) throw usageError('--every says how often --watch looks; alone it says nothing.');
  const length = parseDuration(text);
  if (length !== null && length >= LEAST_MS && length <= MOST_MS) return length;
  throw usageError('--every cannot be read.', 'Write a length of time from 1s to 1h, such as 5s.');
}
