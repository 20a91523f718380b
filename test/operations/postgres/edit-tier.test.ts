import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../edit-tier.test.ts');
