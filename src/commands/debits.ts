import { debitId } from '../domain/debit.ts';
import { grouped } from '../domain/grouped.ts';
import type { Debit } from '../domain/store.ts';
import { formatInstant } from '../domain/utc-day.ts';
import { DEBITS } from '../operations/read-traffic.ts';
import { debitJson } from '../operations/refund-debit.ts';
import type { Column } from '../terminal/listing.ts';
import { relative, stamp } from '../terminal/style.ts';
import type { CommandModule } from './call.ts';
import { configureTraffic, showTraffic } from './traffic-options.ts';

const FIELDS = ['id', 'at', 'account', 'key', 'keyName', 'service', 'cost', 'balanceAfter', 'requestId', 'refundedAt'] as const;

export const command: CommandModule = {
  configure: (cli) => void configureTraffic(cli),

  run: async (call, _, options) => {
    const columns = columnsAt(call.context.clock());
    await showTraffic(call, options, { traffic: DEBITS, json: debitJson, fields: FIELDS, columns, empty: 'No debits.' });
    return undefined;
  },
};

function columnsAt(now: number): readonly Column<Debit>[] {
  return [
    { header: 'ID', person: ({ number }) => debitId(number), script: ({ number }) => debitId(number) },
    { header: 'WHEN', person: ({ at }) => relative(at, now), live: ({ at }) => stamp(at), script: ({ at }) => formatInstant(at) },
    { header: 'ACCOUNT', person: ({ account }) => account, script: ({ account }) => account },
    { header: 'KEY', person: ({ keyName }) => keyName ?? '-', script: ({ keyId }) => keyId ?? '' },
    { header: 'SERVICE', spare: true, person: ({ service }) => service, script: ({ service }) => service },
    { header: 'COST', align: 'right', person: ({ cost }) => grouped(cost), script: ({ cost }) => String(cost) },
    {
      header: 'BALANCE AFTER',
      align: 'right',
      person: ({ balanceAfter }) => grouped(balanceAfter),
      script: ({ balanceAfter }) => String(balanceAfter),
    },
    { header: 'REQUEST ID', spare: true, person: ({ requestId }) => requestId ?? '-', script: ({ requestId }) => requestId ?? '' },
    {
      header: 'REFUNDED',
      person: ({ refundedAt }, paint) => (refundedAt === null ? '-' : paint.yellow(relative(refundedAt, now))),
      script: ({ refundedAt }) => (refundedAt === null ? '' : formatInstant(refundedAt)),
    },
  ];
}
