import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../accounts.test.ts');
