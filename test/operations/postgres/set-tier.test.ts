import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../set-tier.test.ts');
