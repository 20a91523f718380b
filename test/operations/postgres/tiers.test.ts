import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../tiers.test.ts');
