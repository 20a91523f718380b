import { overPostgres } from '../../postgres/store.ts';

overPostgres();
await import('../export-and-import.test.ts');
