import type { Watch as Tell } from '../domain/store-backup.ts';
import { glyphs } from '../terminal/glyphs.ts';
import { cancelled, type Call } from './call.ts';
import { progressLine } from './progress-line.ts';

/** How a person who watches is told how far something is. */
export interface Watch {
  /** Of something whose end is known. */
  readonly tell: Tell;
  /** Of something whose end is not. */
  readonly say: (text: string) => void;
}

/** Runs an act with a bar on stderr where a person looks at it; the bar goes when the act ends. */
export async function watching<Result>(call: Pick<Call, 'out' | 'context'>, act: (watch: Watch) => Promise<Result>): Promise<Result> {
  const { out, context } = call;
  if (out.watched === null) return act({ tell: () => undefined, say: () => undefined });
  const { progressBar } = await import('../terminal/progress-bar.ts');
  const bar = progressBar(out.watched, context.clock, glyphs(out.unicode));
  const line = progressLine(call);
  return act({
    tell: (progress) => {
      line.clear();
      bar.show(progress);
    },
    say: (text) => {
      line.show(text);
    },
  }).finally(() => {
    line.clear();
    bar.clear();
  });
}

/** The same for an act that Ctrl-C ends before it has done anything: the next time that it tells how far it is, it is cancelled. */
export async function watched<Result>(call: Call, act: (tell: Tell) => Promise<Result>): Promise<Result> {
  let stopped = false;
  void call.context.stopRequested().then(() => {
    stopped = true;
  });
  return watching(call, ({ tell }) =>
    act((progress) => {
      if (stopped) throw cancelled();
      tell(progress);
    }),
  );
}
