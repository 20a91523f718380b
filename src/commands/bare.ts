import { KeyctlError } from '../domain/error.ts';
import { isTopic } from './helping/topics.ts';

/** Whether the arguments name no command and ask for nothing else: `keyctl`, or `keyctl --db other.db`. */
export function isBare(argv: readonly string[], words: readonly string[]): boolean {
  return words.length === 0 && !argv.some((argument) => argument === '--help' || argument === '--version' || argument === '--');
}

/** `keyctl help` is `keyctl --help`, and `keyctl help tier set` is `keyctl tier set --help`: people type both. A topic is told by `help`. */
export function helpAsOption(argv: readonly string[], words: readonly string[]): readonly string[] {
  if (words[0] !== 'help' || isTopic(words[1])) return argv;
  return [...argv.filter((_, place) => place !== argv.indexOf('help')), '--help'];
}

/** Bare `keyctl` for a person: the status of the store, or, as long as there is none, the help. Returns the exit code. */
export async function runBare(argv: readonly string[], run: (argv: readonly string[]) => Promise<number>): Promise<number> {
  try {
    return await run([...argv, 'status']);
  } catch (error) {
    if (!(error instanceof KeyctlError) || error.code !== 'store_missing') throw error;
    return run([...argv, '--help']);
  }
}
