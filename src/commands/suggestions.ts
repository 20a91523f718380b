import { nearest } from '../domain/nearest.ts';
import { REGISTRY } from './registry.ts';

/** What other programs call what keyctl calls otherwise. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ show: 'view', get: 'view', describe: 'view', new: 'create', add: 'create', generate: 'create', rm: 'delete', remove: 'delete' },
  ...{ revoke: 'disable', ls: 'list', update: 'edit', set: 'edit', roll: 'rotate', regenerate: 'rotate', setup: 'init', start: 'serve' },
  ...{ server: 'serve', log: 'audit', logs: 'audit', why: 'explain', check: 'verify', cron: 'schedule', plan: 'tier', customer: 'account' },
  ...{ customers: 'account', user: 'account', users: 'account', plans: 'tier', product: 'service', products: 'service' },
  ...{ balance: 'usage', requests: 'debits', top: 'status', dashboard: 'status', info: 'status', man: 'help' },
};

/** Options of other programs; short ones too, of which keyctl has none. */
const OPTIONS_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  ...{
    '-v': ['--version'],
    '-V': ['--version'],
    '-h': ['--help'],
    '-q': ['--quiet'],
    '-o': ['--json', '--out'],
    '--output': ['--json', '--out'],
  },
  ...{
    '--format': ['--json'],
    '--force': ['--yes'],
    '-f': ['--follow', '--yes'],
    '-y': ['--yes'],
    '-w': ['--watch'],
    '-n': ['--limit', '--name'],
  },
  ...{
    '--environment': ['--env'],
    '-e': ['--env'],
    '--plan': ['--tier'],
    '--from': ['--since'],
    '--to': ['--until'],
    '--tail': ['--follow'],
  },
};

const FIRST_WORDS = [...new Set(REGISTRY.map(({ path }) => path.split(' ')[0] ?? ''))];

/** The command that was probably meant by two words of which there is none, or null. */
export function suggestCommand(first: string, second: string | undefined): string | null {
  if (first === 'version') return 'keyctl --version';
  const verbs = verbsOf(first);
  if (verbs.length > 0) {
    const verb = second === undefined ? null : (nearest(second, verbs) ?? among(ELSEWHERE[second], verbs));
    return verb === null ? null : `keyctl ${first} ${verb}`;
  }
  const swapped = second === undefined ? null : suggestSwapped(first, second);
  const word = swapped ?? suggestKeyVerb(first, second) ?? nearest(first, FIRST_WORDS) ?? among(ELSEWHERE[first], FIRST_WORDS);
  return word === null ? null : `keyctl ${word}`;
}

/** `create account acme` for `account create acme`: some programs have the verb in front. */
export function suggestSwapped(first: string, second: string): string | null {
  const path = `${second.replace(/s$/, '')} ${first}`;
  return REGISTRY.some((entry) => entry.path === path) ? path : null;
}

/** What the option of another program is here, of those that the command takes, or null. */
export function suggestOption(option: string, taken: ReadonlySet<string>): string | null {
  return OPTIONS_ELSEWHERE[option]?.find((candidate) => taken.has(candidate)) ?? null;
}

/** `keyctl key create` for `keyctl create`: keys are what the commands without a noun are about. */
function suggestKeyVerb(first: string, second: string | undefined): string | null {
  if (!/^(api-?)?keys?$/.test(first)) return null;
  const verb = second === undefined ? null : (nearest(second, FIRST_WORDS) ?? among(ELSEWHERE[second], FIRST_WORDS));
  return verb ?? 'list';
}

/** Whether the words begin a command at all. */
export function isKnown(first: string): boolean {
  return FIRST_WORDS.includes(first);
}

function verbsOf(noun: string): readonly string[] {
  return REGISTRY.filter(({ path }) => path.startsWith(`${noun} `)).map(({ path }) => path.slice(noun.length + 1));
}

function among(word: string | undefined, known: readonly string[]): string | null {
  return word !== undefined && known.includes(word) ? word : null;
}
