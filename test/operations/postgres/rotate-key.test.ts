import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../rotate-key.test.ts');
