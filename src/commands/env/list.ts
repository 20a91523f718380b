import type { Environment } from '../../domain/entities.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import type { CommandModule } from '../call.ts';

export const command: CommandModule = {
  configure: () => undefined,

  run: async (call) => {
    const store = await call.openStore('read');
    const rows = await store.read((tx) => tx.catalogue.environments());
    await showListing(call.out, {
      rows,
      json: ({ name, code }) => ({ name, code }),
      fields: ['name', 'code'],
      columns: COLUMNS,
      total: () => Promise.resolve(rows.length),
      empty: 'No environments. Add one with: keyctl env create staging --code stage',
    });
    return undefined;
  },
};

const COLUMNS: readonly Column<Environment>[] = [
  { header: 'ENVIRONMENT', person: ({ name }) => name, script: ({ name }) => name },
  { header: 'CODE', person: ({ code }) => code, script: ({ code }) => code },
];
