import { temporaryDatabase } from '../../postgres/database.ts';
import { clustersElsewhere } from '../cluster.ts';

clustersElsewhere(temporaryDatabase);
await import('../rate-limits.test.ts');
