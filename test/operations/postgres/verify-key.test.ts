import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../verify-key.test.ts');
