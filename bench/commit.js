// What durability costs on this disk: the time of one 16 KiB write with fdatasync.
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export function commitMillis(folder) {
  const file = openSync(join(folder, 'commit'), 'w');
  const page = Buffer.alloc(16_384, 1);
  const times = [];
  for (let turn = 0; turn < 400; turn += 1) {
    writeSync(file, page);
    const since = performance.now();
    fdatasyncSync(file);
    times.push(performance.now() - since);
  }
  closeSync(file);
  times.sort((one, other) => one - other);
  return { p50: times[200], p99: times[396] };
}
