import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../settings.test.ts');
