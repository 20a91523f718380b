import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../view-key.test.ts');
