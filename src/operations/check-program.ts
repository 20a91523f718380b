import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fine, warning, type Finding } from '../domain/finding.ts';

/** Which `keyctl` a shell with this PATH runs: on many hosts the kernel's keyutils have a program of that name. */
export function checkProgram(path: string | undefined, ownFile: string): Finding {
  const own = fileBehind(ownFile);
  const found = (path ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'keyctl'))
    .filter(isProgram);
  const [first] = found;
  if (first === undefined) return fine('program', 'No program named keyctl is in the PATH of this shell.');
  const other = found.find((file) => fileBehind(file) !== own);
  if (other === undefined) return fine('program', `keyctl is ${first}.`);
  const whose = isNative(other)
    ? "another program, as the kernel's keyutils have one"
    : 'another program, or another installation of this one';
  if (other === first) {
    return warning(
      'program',
      `keyctl is ${other} in this shell: ${whose}.`,
      'Say apikeyctl, in units and crontabs too, or put this one first in PATH.',
    );
  }
  return warning(
    'program',
    `keyctl is ${first} in this shell and hides ${other}: ${whose}.`,
    'Scripts that mean the other one now run this one. Install under a folder that comes later in PATH, and say apikeyctl.',
  );
}

function fileBehind(file: string): string | null {
  try {
    return realpathSync(file);
  } catch {
    return null;
  }
}

function isProgram(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.isFile() && (found.mode & 0o111) !== 0;
}

/** Whether it is machine code, which this program is not. */
function isNative(file: string): boolean {
  try {
    const opened = openSync(file, 'r');
    try {
      const head = Buffer.alloc(4);
      readSync(opened, head);
      return head.toString('latin1') === '\u007fELF' || head.readUInt32LE(0) === 0xfeedfacf;
    } finally {
      closeSync(opened);
    }
  } catch {
    return false;
  }
}
