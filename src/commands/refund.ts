import { debitId, parseDebitId } from '../domain/debit.ts';
import { KeyctlError } from '../domain/error.ts';
import { grouped } from '../domain/grouped.ts';
import { dayOf, formatDay, formatInstant } from '../domain/utc-day.ts';
import { debitJson, refundDebit, type Refund } from '../operations/refund-debit.ts';
import { text, type CommandModule } from './call.ts';
import { readReason } from './reason-option.ts';

const FIELDS = ['id', 'at', 'account', 'key', 'keyName', 'service', 'cost', 'balanceAfter', 'requestId', 'refundedAt'] as const;

export const command: CommandModule = {
  configure: (cli) =>
    void cli.argument('<debit>', 'its id, as keyctl debits shows it').option('--reason <text>', 'why, for the audit trail'),

  run: async (call, args, options) => {
    call.out.checkFields(FIELDS);
    const number = parseDebitId(text(args, 0));
    if (number === null) throw new KeyctlError('not_found', 'There is no such debit.', { hint: 'Ids begin with deb_; see: keyctl debits' });
    const reason = await readReason(call, options);
    const store = await call.openStore('write');
    const refund = await refundDebit(store, number, { kind: 'shell', actor: call.actor, reason });
    call.out.show(debitJson(refund.debit), () => sentence(refund), FIELDS);
    if (refund.alreadyRefunded && call.out.json) call.out.note('It was refunded already; nothing changed.');
    return undefined;
  },
};

function sentence({ debit, alreadyRefunded }: Refund): string {
  const id = debitId(debit.number);
  if (alreadyRefunded)
    return `${id} was refunded already${debit.refundedAt === null ? '' : `, at ${formatInstant(debit.refundedAt)}`}; nothing changed.`;
  return `Gave ${grouped(debit.cost)} credits of ${formatDay(dayOf(debit.at))} back to ${debit.account} (${id}). They count on that day only.`;
}
