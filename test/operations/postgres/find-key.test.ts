import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../find-key.test.ts');
