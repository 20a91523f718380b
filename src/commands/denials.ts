import { usageError } from '../domain/error.ts';
import { grouped } from '../domain/grouped.ts';
import type { Denial } from '../domain/store.ts';
import { formatInstant } from '../domain/utc-day.ts';
import { VERDICT_STATUS, type DenialCode } from '../domain/verdict.ts';
import { DENIALS } from '../operations/read-traffic.ts';
import type { Column } from '../terminal/listing.ts';
import { relative, stamp } from '../terminal/style.ts';
import { option, type CommandModule } from './call.ts';
import { configureTraffic, showTraffic } from './traffic-options.ts';

/** Whoever looks it up wants the whole of it. */
const LONGEST_CODE = Math.max(...Object.keys(VERDICT_STATUS).map((code) => code.length));
const FIELDS = ['at', 'account', 'key', 'keyName', 'service', 'code', 'ip', 'requestId', 'count'] as const;

export const command: CommandModule = {
  configure: (cli) => void configureTraffic(cli).option('--code <code>', 'only denials with this code, such as insufficient_credits'),

  run: async (call, _, options) => {
    const code = readCode(option(options, 'code'));
    const columns = columnsAt(call.context.clock());
    await showTraffic(call, options, { traffic: DENIALS, json: denialJson, fields: FIELDS, columns, empty: 'No denials.' }, code);
    return undefined;
  },
};

function readCode(text: string | undefined): DenialCode | undefined {
  if (text === undefined) return undefined;
  const codes = Object.keys(VERDICT_STATUS).filter((code): code is DenialCode => code !== 'ok');
  const code = codes.find((candidate) => candidate === text);
  if (code !== undefined) return code;
  throw usageError('--code is none of the codes that deny.', `Codes: ${codes.join(', ')}.`);
}

function denialJson({ at, account, keyId, keyName, service, code, ip, requestId, count }: Denial): Record<string, unknown> {
  return { at: formatInstant(at), account, key: keyId, keyName, service, code, ip, requestId, count };
}

function columnsAt(now: number): readonly Column<Denial>[] {
  return [
    { header: 'WHEN', person: ({ at }) => relative(at, now), live: ({ at }) => stamp(at), script: ({ at }) => formatInstant(at) },
    { header: 'ACCOUNT', person: ({ account }) => account ?? '-', script: ({ account }) => account ?? '' },
    { header: 'KEY', person: ({ keyName }) => keyName ?? '-', script: ({ keyId }) => keyId ?? '' },
    { header: 'SERVICE', spare: true, person: ({ service }) => service ?? '-', script: ({ service }) => service ?? '' },
    { header: 'CODE', least: LONGEST_CODE, person: ({ code }, paint) => paint.red(code), script: ({ code }) => code },
    { header: 'FROM', person: ({ ip }) => ip ?? '-', script: ({ ip }) => ip ?? '' },
    { header: 'REQUEST ID', spare: true, person: ({ requestId }) => requestId ?? '-', script: ({ requestId }) => requestId ?? '' },
    { header: 'COUNT', align: 'right', person: ({ count }) => grouped(count), script: ({ count }) => String(count) },
  ];
}
