import { grouped } from '../../domain/grouped.ts';
import { formatDay, type UtcDay } from '../../domain/utc-day.ts';
import { TOUCHED_FIELDS, touchedJson, type Touched } from '../../operations/regrant-books.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import type { Output } from '../../terminal/output.ts';

/** What a dry run found out. `accounts` is read once, as far as it is shown. */
export interface Preview {
  readonly tier: string;
  /** The first day on which anything would change, or null for nothing. */
  readonly from: UtcDay | null;
  readonly accounts: AsyncIterable<Touched> | Iterable<Touched>;
  /** What to tell a person when no account is touched. */
  readonly none: string;
}

const PREVIEW_FIELDS = ['tier', 'dryRun', 'from', 'accounts'] as const;

export function checkPreviewFields(out: Output): void {
  out.checkFields(PREVIEW_FIELDS);
}

/** Shows a dry run: every account touched, with what remains on the day `from` without the change and with it. */
export async function showPreview(out: Output, preview: Preview): Promise<void> {
  if (out.json) return showJson(out, preview);
  await showListing(out, { rows: preview.accounts, json: touchedJson, fields: TOUCHED_FIELDS, columns: COLUMNS, empty: preview.none });
  out.note('A dry run: nothing was changed.');
}

/** Written in pieces, since a tier may have a million accounts. */
async function showJson(out: Output, { tier, from, accounts }: Preview): Promise<void> {
  const head = out.select({ tier, dryRun: true, from: from === null ? null : formatDay(from), accounts: null });
  let separator = '{';
  for (const [name, value] of Object.entries(head)) {
    out.raw(`${separator}${JSON.stringify(name)}:`);
    separator = ',';
    if (name === 'accounts') await writeArray(out, accounts);
    else out.raw(JSON.stringify(value));
  }
  out.data('}');
}

async function writeArray(out: Output, accounts: Preview['accounts']): Promise<void> {
  let separator = '[';
  for await (const account of accounts) {
    out.raw(`${separator}${JSON.stringify(touchedJson(account))}`);
    separator = ',\n';
  }
  out.raw(separator === '[' ? '[]' : ']');
}

const COLUMNS: readonly Column<Touched>[] = [
  { header: 'ACCOUNT', person: (row) => row.account, script: (row) => row.account },
  { header: 'USED TODAY', align: 'right', person: (row) => grouped(row.used), script: (row) => String(row.used) },
  { header: 'OLD REMAINING', align: 'right', person: (row) => grouped(row.oldRemaining), script: (row) => String(row.oldRemaining) },
  { header: 'NEW REMAINING', align: 'right', person: (row) => grouped(row.newRemaining), script: (row) => String(row.newRemaining) },
  { header: 'FROM', person: (row) => formatDay(row.from), script: (row) => formatDay(row.from) },
];
