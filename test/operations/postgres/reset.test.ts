import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../reset.test.ts');
