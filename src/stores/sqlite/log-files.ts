import { openSync, readSync } from 'node:fs';

const WAL_HEADER = 32;
const FRAME_HEADER = 24;
const INDEX_VERSION = 3_007_000;
const ATTEMPTS = 5;
/** More frames than that are not compared; a log that long is told of by its size. */
const MOST_FRAMES = 100_000;
/** Of more pages than that, some are compared, spread over all. */
const MOST_COMPARED = 2_000;

/** What the log holds of a page of the store, and where. */
interface Frames {
  readonly size: number;
  /** The last frame; those up to `written` are in the file already. */
  readonly last: number;
  readonly written: number;
  /** The number of pages that the store has. */
  readonly pages: number;
  readonly salts: string;
  /** As the processes say that have it open; else as the log itself says. */
  readonly shared: boolean;
}

/** How far the pages of the log agree with those of the file. */
export interface LogComparison {
  /** Pages that were written from the log into the file for certain, and how many of them the file does not have. */
  readonly written: number;
  readonly absent: number;
  /** Pages in the log, and how many of them the file has as the log does. */
  readonly logged: number;
  readonly present: number;
}

/**
 * Compares what the log holds with what the file holds, byte by byte. The formats are those of https://www.sqlite.org/walformat.html.
 * Null where there is nothing to compare, or where writers were faster.
 *
 * The files stay open until this process ends: to close one would drop every lock that the process has on it by then.
 */
export function compareLog(path: string): LogComparison | null {
  const [store, log] = [openIf(path), openIf(`${path}-wal`)];
  if (store === null || log === null) return null;
  const index = openIf(`${path}-shm`);
  let found: LogComparison | null = null;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = framesOf(log, index);
    if (before === null) return null;
    const compared = compare(store, log, before);
    const after = framesOf(log, index);
    // A log that began anew meanwhile has overwritten what was to be compared.
    if (compared === null || after === null || after.salts !== before.salts || after.shared !== before.shared) continue;
    if (!findAgain(log, compared, before.last, after)) continue;
    if (compared.counts.absent === 0) return compared.counts;
    // A page that is read while it is written may be half of each: what is absent is so every time.
    found = compared.counts;
  }
  return found;
}

function openIf(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch {
    return null;
  }
}

function bytes(file: number, position: number, length: number): Buffer | null {
  const buffer = Buffer.alloc(length);
  return readSync(file, buffer, 0, length, position) === length ? buffer : null;
}

/** From the index that the processes share, if it is that of this log; else from the log alone, of which nothing need be written yet. */
function framesOf(log: number, index: number | null): Frames | null {
  const header = bytes(log, 0, WAL_HEADER);
  if (header === null || (header.readUInt32BE(0) & ~1) >>> 0 !== 0x377f0682) return null;
  const [size, salts] = [header.readUInt32BE(8), header.toString('hex', 16, 24)];
  if (size < 512 || size > 65_536) return null;
  const shared = index === null ? null : sharedFrames(index, size, salts);
  return shared ?? loggedFrames(log, size, salts);
}

function sharedFrames(index: number, size: number, salts: string): Frames | null {
  const shared = bytes(index, 0, 136);
  if (shared?.subarray(0, 48).equals(shared.subarray(48, 96)) !== true || shared[12] !== 1) return null;
  const little = shared.readUInt32LE(0) === INDEX_VERSION;
  const at = (offset: number): number => (little ? shared.readUInt32LE(offset) : shared.readUInt32BE(offset));
  if (at(0) !== INDEX_VERSION || shared.toString('hex', 32, 40) !== salts) return null;
  return { size, salts, shared: true, last: at(16), pages: at(20), written: Math.min(at(16), at(96)) };
}

/** The frames of the log's present round, through the last commit. */
function loggedFrames(log: number, size: number, salts: string): Frames | null {
  let [last, pages] = [0, 0];
  for (let frame = 1; frame <= MOST_FRAMES; frame += 1) {
    const header = frameHeader(log, frame, size);
    if (header?.toString('hex', 8, 16) !== salts) break;
    if (header.readUInt32BE(4) > 0) [last, pages] = [frame, header.readUInt32BE(4)];
  }
  return last === 0 ? null : { size, salts, shared: false, last, pages, written: 0 };
}

function frameHeader(log: number, frame: number, size: number): Buffer | null {
  return bytes(log, WAL_HEADER + (frame - 1) * (FRAME_HEADER + size), FRAME_HEADER);
}

interface Compared {
  readonly counts: { written: number; absent: number; logged: number; present: number };
  /** What the file has of pages that are in none of the frames that could be. */
  readonly doubtful: Map<number, Buffer | null>;
}

function compare(store: number, log: number, { size, last, written, pages, salts }: Frames): Compared | null {
  if (last === 0 || last > MOST_FRAMES) return null;
  const frames = new Map<number, number[]>();
  for (let frame = 1; frame <= last; frame += 1) {
    const header = frameHeader(log, frame, size);
    if (header?.toString('hex', 8, 16) !== salts) return null;
    const page = header.readUInt32BE(0);
    const known = frames.get(page);
    if (known === undefined) frames.set(page, [frame]);
    else known.push(frame);
  }
  const compared: Compared = { counts: { written: 0, absent: 0, logged: 0, present: 0 }, doubtful: new Map() };
  const { counts, doubtful } = compared;
  const stride = Math.ceil(frames.size / MOST_COMPARED);
  for (const [index, [page, own]] of [...frames].entries()) {
    if (page > pages || index % stride !== 0) continue;
    const content = bytes(store, (page - 1) * size, size);
    // The last frame that was written for certain, or one after it, which may be on its way.
    const certain = own.findLastIndex((frame) => frame <= written);
    const found = own.slice(Math.max(0, certain)).some((frame) => hasContent(log, frame, content));
    counts.logged += 1;
    counts.present += found ? 1 : 0;
    if (certain === -1) continue;
    counts.written += 1;
    counts.absent += found ? 0 : 1;
    if (!found) doubtful.set(page, content);
  }
  return compared;
}

/** Looks for what was doubtful among the frames that came while it was compared, and were written at once. False where that fails. */
function findAgain(log: number, { counts, doubtful }: Compared, last: number, { size, salts, last: newest }: Frames): boolean {
  if (doubtful.size === 0) return true;
  for (let frame = last + 1; frame <= newest; frame += 1) {
    const header = frameHeader(log, frame, size);
    if (header?.toString('hex', 8, 16) !== salts) return false;
    const page = header.readUInt32BE(0);
    const content = doubtful.get(page);
    if (content === undefined || !hasContent(log, frame, content)) continue;
    doubtful.delete(page);
    counts.absent -= 1;
    counts.present += 1;
  }
  return true;
}

function hasContent(log: number, frame: number, content: Buffer | null): boolean {
  return content !== null && bytes(log, offsetOf(frame, content.length), content.length)?.equals(content) === true;
}

function offsetOf(frame: number, size: number): number {
  return WAL_HEADER + (frame - 1) * (FRAME_HEADER + size) + FRAME_HEADER;
}
