import type { Service } from '../../domain/entities.ts';
import { grouped } from '../../domain/grouped.ts';
import { SERVICE_FIELDS, serviceJson } from '../../operations/find-service.ts';
import { showListing, type Column } from '../../terminal/listing.ts';
import type { CommandModule } from '../call.ts';

export const command: CommandModule = {
  configure: () => undefined,

  run: async (call) => {
    const store = await call.openStore('read');
    const rows = await store.read((tx) => tx.catalogue.services());
    await showListing(call.out, {
      rows,
      json: serviceJson,
      fields: SERVICE_FIELDS,
      columns: COLUMNS,
      total: () => Promise.resolve(rows.length),
      empty: 'No services. Create one with: keyctl service create search --cost 100',
    });
    return undefined;
  },
};

const COLUMNS: readonly Column<Service>[] = [
  { header: 'SERVICE', person: (service) => service.name, script: (service) => service.name },
  { header: 'CREDITS A REQUEST', align: 'right', person: ({ cost }) => grouped(cost), script: ({ cost }) => String(cost) },
  { header: 'ENVIRONMENT', person: ({ environment }) => environment ?? 'any', script: ({ environment }) => environment ?? '' },
];
