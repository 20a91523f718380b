#!/usr/bin/env node
'use strict';
const { enableCompileCache } = require('node:module');
const { userInfo } = require('node:os');
const { join } = require('node:path');

// Node 20 is given the compiled code that the build has kept.
if (enableCompileCache === undefined) require('./compiled.js').compileFromKept();
// Node 22.8 and later keep it between runs. SECURITY: not in the shared folder that is Node's own choice, where another user could
// leave code for root to run; a user without a home goes without.
try {
  enableCompileCache?.(join(userInfo().homedir, '.cache', 'keyctl'));
} catch {
  // A user id without an entry in the user database.
}
void require('../dist/main.js').main();
