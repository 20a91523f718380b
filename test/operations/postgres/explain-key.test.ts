import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../explain-key.test.ts');
