import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../change-keys.test.ts');
