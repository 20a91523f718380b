import { Chalk } from 'chalk';
import type { Paint } from './style.ts';

/** Paints text, or leaves it plain. chalk 5 does not know NO_COLOR, so the caller decides. */
export function painter(color: boolean): Paint {
  return color ? new Chalk({ level: 1 }) : new Chalk({ level: 0 });
}
