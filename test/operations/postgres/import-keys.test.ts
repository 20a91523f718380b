import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../import-keys.test.ts');
