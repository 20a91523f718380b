import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../edit-key.test.ts');
