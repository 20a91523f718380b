import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../credit.test.ts');
