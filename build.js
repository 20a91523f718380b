import { rmSync, renameSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { build } from 'rolldown';
import configs from './rolldown.config.js';

// What `npm run build` does, in silence: whoever pastes `npm start` reads what keyctl says, not a list of 200 files. The command line of
// rolldown prints that list whatever its --logLevel. A dist that is there stays in use until the new one is whole.
for (const config of configs) await build({ ...config, logLevel: 'silent' });
rmSync('dist', { recursive: true, force: true });
renameSync('dist.new', 'dist');
writeFileSync('dist/apikeyctl.1', execFileSync(process.execPath, ['bin/keyctl.js', '__man']));
