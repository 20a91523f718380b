import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../prune-old.test.ts');
