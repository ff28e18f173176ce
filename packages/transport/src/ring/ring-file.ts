// Ring files on disk: making one whole before it has its name, reading a header with distrust, retiring one.
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, realpathSync, statfsSync, statSync, unlinkSync, writeSync, type Stats } from 'node:fs';
import { basename, dirname } from 'node:path';
import {
  HEADER, isId, PIXEL_FORMAT_CODE, RING_FILE_PREFIX, RING_HEADER_BYTES, RING_MAGIC, RING_STATE, RING_VERSION, ringLayout, RuthError, SLOT_HEADER_BYTES,
  type PixelFormat, type RingLayout,
} from '@ruth/protocol/base';
import { allocateFile, lockFile } from './mapping.ts';

const RING_FILE_MODE = 0o640;
/** A ring that is being made: no id begins with a dot, so no reference can name it. */
export const UNFINISHED_PREFIX = `.${RING_FILE_PREFIX}`;

export interface RingHeader {
  readonly layout: RingLayout;
  readonly generation: bigint;
  readonly state: number;
}

/** Makes a locked, fully allocated file of zeros beside `path`. Throws `no_space` with the bytes needed and free, `invalid_config` without a directory. */
export function createUnfinishedFile(path: string, bytes: number): { fd: number; path: string } {
  const directory = dirname(path);
  const refuse = (freeBytes: bigint): RuthError => new RuthError('no_space', `${path} needs ${bytes} bytes, ${directory} has ${freeBytes} bytes free`);
  const free = freeBytesOf(directory);
  if (free < BigInt(bytes)) throw refuse(free);
  const unfinished = `${directory}/.${basename(path)}.${randomBytes(6).toString('hex')}`;
  const fd = openSync(unfinished, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, RING_FILE_MODE);
  try {
    fchmodSync(fd, RING_FILE_MODE);
    if (!lockFile(fd)) throw new RuthError('internal', `${unfinished} is locked by another process`);
    if (!allocateFile(fd, bytes)) throw refuse(freeBytesOf(directory));
    return { fd, path: unfinished };
  } catch (error) {
    closeSync(fd);
    unlinkIfThere(unfinished);
    throw error;
  }
}

function freeBytesOf(directory: string): bigint {
  try {
    const { bavail, bsize } = statfsSync(directory, { bigint: true });
    return bavail * bsize;
  } catch (cause) {
    throw new RuthError('invalid_config', `the ring directory ${directory} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Opens the ring that `reference` names, for reading. Only its last part is taken from outside, and only as an id:
 * what is opened lies inside `ringDirectory`, is a regular file and no link.
 */
export function openRingFile(reference: string, ringDirectory: string): number {
  const unreadable = (why: string, cause?: unknown): RuthError => new RuthError('frame_unreadable', `${JSON.stringify(reference)} ${why}`, { cause });
  const name = basename(reference);
  if (!name.startsWith(RING_FILE_PREFIX) || !isId(name.slice(RING_FILE_PREFIX.length))) throw unreadable(`is no frame reference: its name must be ${RING_FILE_PREFIX}<camera id>`);
  if (!sameDirectory(dirname(reference), ringDirectory)) throw unreadable(`lies outside the ring directory ${ringDirectory}`);
  let fd: number;
  try {
    // Non-blocking, so that a FIFO of that name cannot hang the caller.
    fd = openSync(`${ringDirectory}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new RuthError('frame_not_found', `${JSON.stringify(reference)} does not exist`, { cause });
    if (code === 'ELOOP') throw unreadable('is a symbolic link', cause);
    throw unreadable(`cannot be opened: ${message}`, cause);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw unreadable('is not a regular file');
}

function sameDirectory(directory: string, ringDirectory: string): boolean {
  if (directory === ringDirectory) return true;
  // A path with `..` is refused whatever it leads to: nobody who means well writes one.
  if (!directory.startsWith('/') || directory.split('/').includes('..')) return false;
  try {
    return realpathSync(directory) === realpathSync(ringDirectory);
  } catch {
    return false;
  }
}

/** Reads and checks the header of an open file. Throws `ring_invalid` where its numbers do not fit each other or the file. */
export function readRingHeader(fd: number, name: string): RingHeader {
  const invalid = (why: string, cause?: unknown): RuthError => new RuthError('ring_invalid', `${name} is no frame ring: ${why}`, { cause });
  const header = Buffer.alloc(RING_HEADER_BYTES);
  const length = readSync(fd, header, 0, RING_HEADER_BYTES, 0);
  if (length < RING_HEADER_BYTES) throw invalid(`${length} bytes are too short for a header`);
  if (header.toString('latin1', HEADER.magic, HEADER.magic + RING_MAGIC.length) !== RING_MAGIC) throw invalid('its magic is wrong');
  const version = header.readUInt32LE(HEADER.version);
  if (version !== RING_VERSION) throw invalid(`its version is ${version}, not ${RING_VERSION}`);
  const format = (Object.keys(PIXEL_FORMAT_CODE) as PixelFormat[]).find((key) => PIXEL_FORMAT_CODE[key] === header.readUInt32LE(HEADER.pixelFormat));
  if (!format) throw invalid('its pixel format is unknown');
  let layout: RingLayout;
  try {
    layout = ringLayout(header.readUInt32LE(HEADER.width), header.readUInt32LE(HEADER.height), format, header.readUInt32LE(HEADER.slotCount));
  } catch (cause) {
    throw invalid((cause as Error).message, cause);
  }
  // The header may lie: views are made from the computed layout, and only where the file is that large.
  const stated = [header.readUInt32LE(HEADER.headerBytes), header.readUInt32LE(HEADER.slotHeaderBytes), Number(header.readBigUInt64LE(HEADER.slotStrideBytes))];
  if (stated.some((value, index) => value !== [RING_HEADER_BYTES, SLOT_HEADER_BYTES, layout.slotStrideBytes][index])) throw invalid('its sizes do not fit its frames');
  const { size } = fstatSync(fd);
  if (size < layout.totalBytes) throw invalid(`its frames need ${layout.totalBytes} bytes, the file has ${size}`);
  return { layout, generation: header.readBigUInt64LE(HEADER.generation), state: header.readUInt32LE(HEADER.state) };
}

/** Tells every reader of an open (writable) ring file to let go of it. */
export function retireRingFile(fd: number): void {
  // Coherent with every mapping of the file: both are the same pages.
  writeSync(fd, Uint8Array.of(RING_STATE.retired, 0, 0, 0), 0, 4, HEADER.state);
}

/** Opens for writing what lies at `path` if it is a regular file that begins as a ring does; else null. */
export function openExistingRing(path: string): number | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  const magic = Buffer.alloc(RING_MAGIC.length);
  if (fstatSync(fd).isFile() && readSync(fd, magic, 0, magic.length, 0) === magic.length && magic.toString('latin1') === RING_MAGIC) return fd;
  closeSync(fd);
  return null;
}

export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** True while `path` names the open file, rather than one that took its place. */
export function isSameFile(path: string, fd: number): boolean {
  const named: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  const open = fstatSync(fd);
  return named?.ino === open.ino && named.dev === open.dev;
}
