'use strict';
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

/**
 * Has the files of dist compiled from what `npm run build` has kept beside them: code of one release of Node on one architecture. Where there
 * is none Node compiles as it always does, and V8 does where it refuses what there is. `made` is for the build and for tests: it is told of
 * every script, and where the code of it is or would be kept.
 * SECURITY: it is as trusted as dist, in whose folder it is, and nothing writes it but the build.
 */
function compileFromKept(made) {
  const dist = join(__dirname, '..', 'dist');
  const { _compile } = Module.prototype;
  Module.prototype._compile = function (...args) {
    const [source, path] = args;
    const kept = `${path}.${process.version}-${process.arch}`;
    const cachedData = dirname(path) === dist ? contents(kept) : undefined;
    if (cachedData === undefined && (made === undefined || dirname(path) !== dist)) return _compile.apply(this, args);
    const script = new Script(Module.wrap(source), { filename: path, cachedData });
    made?.(script, kept);
    return script.runInThisContext().call(this.exports, this.exports, Module.createRequire(path), this, path, dist);
  };
}

function contents(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

module.exports = { compileFromKept };
