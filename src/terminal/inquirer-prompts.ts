import inquirer from 'inquirer';
import { KeyctlError } from '../domain/error.ts';
import type { Choice, Prompts } from './prompts.ts';

/** Prompts by inquirer. Loaded only when something is asked: it takes longer to load than the rest of keyctl. */
export function inquirerPrompts(unicode: boolean): Prompts {
  const answer: Answer = (question) => answerTo(unicode ? question : { ...question, theme: ASCII });
  return {
    ask: async (message, check, suggestion) =>
      check(
        await answer<string>({
          type: 'input',
          message,
          ...(suggestion === undefined ? {} : { default: suggestion }),
          validate: (text: string) => {
            try {
              check(text);
              return true;
            } catch (error) {
              if (error instanceof KeyctlError) return [error.message, error.hint].filter(Boolean).join(' ');
              throw error;
            }
          },
        }),
      ),
    secret: (message) => answer<string>({ type: 'password', message, mask: false }),
    choose: (message, choices, preselected) =>
      answer({ type: 'select', message, choices: named(choices), ...(preselected === undefined ? {} : { default: preselected }) }),
    chooseSome: (message, choices) => answer({ type: 'checkbox', message, choices: named(choices), required: true }),
    confirm: (message) => answer<boolean>({ type: 'confirm', message, default: false }),
    typed: async (message, word) => (await answer<string>({ type: 'input', message })) === word,
  };
}

type Answer = <Value>(question: Readonly<Record<string, unknown>>) => Promise<Value>;

const KEYS: Readonly<Record<string, string>> = { '↑↓': 'arrows', '⏎': 'enter' };

/** Inquirer asks only what terminal it is, and draws the same whatever the locale. */
const ASCII = {
  prefix: { idle: '?', done: '+' },
  spinner: { frames: ['-', '/', '|'] },
  icon: { cursor: '>', checked: '[x]', unchecked: '[ ]' },
  style: {
    keysHelpTip: (keys: readonly (readonly [string, string])[]) => keys.map(([key, does]) => `${KEYS[key] ?? key} ${does}`).join(', '),
  },
};

function named<Value>(choices: readonly Choice<Value>[]): { name: string; short: string; value: Value }[] {
  return choices.map(({ label, value }) => ({ name: label, short: label.replaceAll(/ {3,}/g, '  '), value }));
}

async function answerTo<Value>(question: Readonly<Record<string, unknown>>): Promise<Value> {
  try {
    const answers: { readonly answer: unknown } = await inquirer.prompt([{ ...question, name: 'answer' }] as never);
    return answers.answer as Value;
  } catch (error) {
    if (error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError')) {
      throw new KeyctlError('cancelled', 'Cancelled; nothing was changed.', { cause: error });
    }
    throw error;
  }
}
