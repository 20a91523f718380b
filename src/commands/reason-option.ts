import { checkText } from '../domain/names.ts';
import { missing, option, type Call } from './call.ts';

/** The reason of an act that nobody may do without one: from `--reason`, or asked where a person sits. Throws `usage` elsewhere. */
export async function readReason(call: Call, options: Readonly<Record<string, unknown>>): Promise<string> {
  const check = (text: string): string => checkText('reason', text);
  const given = option(options, 'reason');
  if (given !== undefined) return check(given);
  const prompts = await call.prompts();
  if (prompts === null) throw missing('--reason', 'say why, for the audit trail');
  return prompts.ask('Reason', check);
}
