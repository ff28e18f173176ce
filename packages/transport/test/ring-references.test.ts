import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { HEADER, RING_HEADER_BYTES, SLOT } from '@ruth/protocol';
import { RingReader, RingWriter } from '../src/index.ts';
import { metadataOf } from './ring-torture/pattern.ts';
import { freshRingDirectory } from './ring-torture/ring-directory.ts';

function openRing(t: TestContext): RingWriter {
  const writer = RingWriter.create({ cameraId: 'front', width: 64, height: 36, format: 'NV12', slotCount: 3, ringDirectory: freshRingDirectory(t) });
  t.after(() => writer.close());
  return writer;
}

const directoryOf = (writer: RingWriter): string => writer.path.slice(0, writer.path.lastIndexOf('/'));

function patch(path: string, offset: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

test('a reference to a ring that is not there is frame_not_found', (t) => {
  const ringDirectory = freshRingDirectory(t);
  assert.throws(() => RingReader.open(`${ringDirectory}/vas_frames_none`, { ringDirectory }), { code: 'frame_not_found' });
});

test('a reference outside the ring directory is refused, whatever its way there', (t) => {
  const writer = openRing(t);
  const ringDirectory = directoryOf(writer);
  mkdirSync(`${ringDirectory}/inner`);
  for (const reference of [
    '/dev/shm/../../etc/passwd', '/etc/passwd', `${ringDirectory}/../../etc/passwd`, `${ringDirectory}/../vas_frames_front`,
    `${ringDirectory}/inner/../vas_frames_front`, `${ringDirectory}/inner/vas_frames_front`, '/etc/vas_frames_front', 'vas_frames_front', './vas_frames_front', '',
  ]) assert.throws(() => RingReader.open(reference, { ringDirectory }), { code: 'frame_unreadable' }, reference);
});

test('a name that is no ring\'s is refused before anything is opened', (t) => {
  const ringDirectory = directoryOf(openRing(t));
  writeFileSync(`${ringDirectory}/other`, 'x');
  for (const name of ['other', 'vas_frames_', 'vas_frames_.hidden', 'vas_frames_a b', 'vas_frames_front\0', `vas_frames_${'a'.repeat(64)}`, '.vas_frames_front.0123']) {
    assert.throws(() => RingReader.open(`${ringDirectory}/${name}`, { ringDirectory }), { code: 'frame_unreadable' }, name);
  }
});

test('a link, a FIFO, a folder and a socket-like stranger of a ring\'s name are refused without hanging', (t) => {
  const writer = openRing(t);
  const ringDirectory = directoryOf(writer);
  symlinkSync(writer.path, `${ringDirectory}/vas_frames_link`);
  execFileSync('mkfifo', [`${ringDirectory}/vas_frames_fifo`]);
  mkdirSync(`${ringDirectory}/vas_frames_folder`);
  for (const [name, message] of [['link', /symbolic link/], ['fifo', /regular file/], ['folder', /regular file/]] as const) {
    assert.throws(() => RingReader.open(`${ringDirectory}/vas_frames_${name}`, { ringDirectory }), { code: 'frame_unreadable', message }, name);
  }
});

test('a ring directory that is itself a link is followed, as /dev/shm is on some systems', (t) => {
  const writer = openRing(t);
  const link = `${freshRingDirectory(t)}/shm`;
  symlinkSync(directoryOf(writer), link);
  using throughLink = RingReader.open(`${link}/vas_frames_front`, { ringDirectory: link });
  using direct = RingReader.open(writer.path, { ringDirectory: link });
  assert.equal(throughLink.generation, writer.generation);
  assert.equal(direct.generation, writer.generation);
});

test('a file that is no ring, is cut short, or whose header lies is ring_invalid and maps nothing', (t) => {
  const writer = openRing(t);
  const ringDirectory = directoryOf(writer);
  const path = `${ringDirectory}/vas_frames_fake`;
  const lies: [string, (path: string) => void, RegExp][] = [
    ['empty', () => truncateSync(path, 0), /too short/],
    ['a header alone', () => truncateSync(path, RING_HEADER_BYTES), /the file has 4096/],
    ['one byte short', () => truncateSync(path, writer.layout.totalBytes - 1), /frames need/],
    ['another magic', () => patch(path, HEADER.magic, Buffer.from('VASFRAMF')), /magic/],
    ['version 2', () => patch(path, HEADER.version, u32(2)), /version is 2/],
    ['a thousand slots', () => patch(path, HEADER.slotCount, u32(1000)), /frames need/],
    ['no slots', () => patch(path, HEADER.slotCount, u32(0)), /slotCount/],
    ['more slots than a number holds', () => patch(path, HEADER.slotCount, u32(0xffff_ffff)), /slotCount/],
    ['a width beyond all', () => patch(path, HEADER.width, u32(0x8000_0000)), /width/],
    ['a width that its stride does not fit', () => patch(path, HEADER.width, u32(640)), /sizes/],
    ['another stride', () => patch(path, HEADER.slotStrideBytes, u32(64)), /sizes/],
    ['another header size', () => patch(path, HEADER.headerBytes, u32(0)), /sizes/],
    ['another slot header size', () => patch(path, HEADER.slotHeaderBytes, u32(4)), /sizes/],
    ['an unknown pixel format', () => patch(path, HEADER.pixelFormat, u32(99)), /pixel format/],
  ];
  for (const [name, lie, message] of lies) {
    copyFileSync(writer.path, path);
    lie(path);
    assert.throws(() => RingReader.open(path, { ringDirectory }), { code: 'ring_invalid', message }, name);
  }
});

test('a slot that contradicts its ring is ring_invalid, and one of another frame is overwritten', (t) => {
  const writer = openRing(t);
  writer.begin();
  writer.publish(metadataOf(0));
  using reader = RingReader.open(writer.path, { ringDirectory: directoryOf(writer) });
  assert.equal(reader.read(0).status, 'frame');
  for (const [offset, right] of [[SLOT.width, 64], [SLOT.height, 36], [SLOT.planes, 128], [SLOT.planes + 4, 64], [SLOT.planeCount, 2], [SLOT.pixelFormat, 1]] as const) {
    patch(writer.path, RING_HEADER_BYTES + offset, u32(0x7fff_ff00));
    assert.throws(() => reader.read(0), { code: 'ring_invalid' });
    patch(writer.path, RING_HEADER_BYTES + offset, u32(right));
  }
  assert.equal(reader.read(0).status, 'frame');
  patch(writer.path, RING_HEADER_BYTES + SLOT.frameId, u32(3));
  assert.equal(reader.read(0).status, 'overwritten');
});
