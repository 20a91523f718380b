import { setTimeout } from 'node:timers/promises';
import { KeyctlError } from '../domain/error.ts';
import type { Store } from '../domain/store.ts';
import { formatInstant, MS_PER_SECOND, type Instant } from '../domain/utc-day.ts';
import { describeStatus, statusJson, type StatusView } from '../operations/describe-status.ts';
import { fitText } from '../terminal/fit.ts';
import type { GaugeStyle } from '../terminal/gauges.ts';
import { openLiveScreen, type LiveScreen } from '../terminal/live-screen.ts';
import type { Sink } from '../terminal/output.ts';
import { duration } from '../terminal/style.ts';
import type { Call } from './call.ts';
import { statusScreen, type SeenBefore } from './status-screen.ts';

const MOST_LOOKS = 60;
/** Denials are stored once a second by whoever serves: over less than this they come in bursts. */
const DENIED_OVER_MS = 5_000;

/** One JSON line for each look, until the process is told to stop. */
export async function streamStatus({ out, context }: Pick<Call, 'out' | 'context'>, store: Store, everyMs: number): Promise<void> {
  const stopped = stopSignal(context);
  do out.data(JSON.stringify(out.select(statusJson(await describeStatus(store)))));
  while (await pause(everyMs, stopped.signal));
}

/** The status on the whole screen, drawn anew at every look, until somebody leaves it. */
export async function watchStatus(
  { context }: Pick<Call, 'context'>,
  store: Store,
  { terminal, everyMs, style }: { readonly terminal: Sink; readonly everyMs: number; readonly style: Omit<GaugeStyle, 'places'> },
): Promise<void> {
  const stopped = stopSignal(context);
  const past = new PastLooks();
  let shown: StatusView | null = null;
  let trouble: KeyctlError | null = null;
  const draw = (): void => {
    screen.draw(frame(screen, { view: shown, seen: past.seen(), trouble, at: context.clock(), everyMs, style }));
  };
  const screen = openLiveScreen({
    ...{ terminal, keyboard: context.stdin, onResize: draw, cut: style.glyphs.cut },
    onQuit: () => {
      stopped.abort();
    },
    onSuspend: () => {
      void screen.leftDuring(context.suspend);
    },
  });
  try {
    draw();
    do {
      try {
        shown = await describeStatus(store);
        past.add(shown);
        trouble = null;
      } catch (error) {
        // A store that is busy, or fails over, comes back: whoever watches wants to see when.
        if (!(error instanceof KeyctlError) || error.code !== 'store_busy') throw error;
        trouble = error;
      }
      if (!stopped.signal.aborted) draw();
    } while (await pause(everyMs, stopped.signal));
  } finally {
    screen.close();
  }
}

interface Frame {
  readonly view: StatusView | null;
  readonly seen: SeenBefore;
  readonly trouble: KeyctlError | null;
  readonly at: Instant;
  readonly everyMs: number;
  readonly style: Omit<GaugeStyle, 'places'>;
}

/** What fits into the window: what stands first matters most. */
export function frame(
  { columns, rows }: Pick<LiveScreen, 'columns' | 'rows'>,
  { view, seen, trouble, at, everyMs, style }: Frame,
): readonly string[] {
  const { paint, glyphs } = style;
  const says = `keyctl status, every ${duration(everyMs)}; q leaves`;
  const moment = `${formatInstant(at).slice(0, 19).replace('T', ' ')} UTC`;
  // In a narrow window the day gives way before how to leave does.
  const time = says.length + 1 + moment.length <= columns ? moment : moment.slice('2026-11-22 '.length);
  const title = fitText(says, Math.max(0, columns - time.length), glyphs.cut);
  const body = [
    ...(trouble === null ? [] : [paint.red(fitText(`${trouble.message} Trying again.`, columns, glyphs.cut))]),
    ...(view === null ? [] : statusScreen(view, { ...style, places: columns }, seen)),
  ];
  const room = Math.max(1, rows - 1);
  const cut = body.length > room;
  const more = paint.dim(fitText(`${glyphs.cut} and ${String(body.length - room + 1)} more lines in a taller window`, columns, glyphs.cut));
  return [paint.dim(title + time), ...(cut ? [...body.slice(0, room - 1), more] : body)];
}

/** What earlier looks saw. */
class PastLooks {
  #looks: { readonly at: Instant; readonly rate: number; readonly day: string; readonly denied: number }[] = [];

  add({ now, pace, today }: StatusView): void {
    const denied = Object.values(today.denied).reduce((sum, count) => sum + count, 0);
    this.#looks = [...this.#looks, { at: now, rate: pace.requestsPerSecond, day: formatInstant(now).slice(0, 10), denied }].slice(
      -MOST_LOOKS,
    );
  }

  seen(): SeenBefore {
    const last = this.#looks.at(-1);
    const first = this.#looks.findLast((look) => last !== undefined && look.day === last.day && last.at - look.at >= DENIED_OVER_MS);
    const seconds = last === undefined || first === undefined ? null : (last.at - first.at) / MS_PER_SECOND;
    return {
      rates: this.#looks.map(({ rate }) => rate),
      deniedPerSecond:
        last === undefined || first === undefined || seconds === null
          ? null
          : Math.round(((last.denied - first.denied) / seconds) * 10) / 10,
    };
  }
}

function stopSignal(context: Call['context']): AbortController {
  const stopped = new AbortController();
  void context.stopRequested().then(() => {
    stopped.abort();
  });
  return stopped;
}

/** Waits for the next look; false as soon as it is time to stop. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return setTimeout(ms, true, { signal }).catch(() => false);
}
