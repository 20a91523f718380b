import { temporaryDatabase } from '../../postgres/database.ts';
import { clustersElsewhere } from '../cluster.ts';

clustersElsewhere(temporaryDatabase);
await import('../at-once.test.ts');
