// Recordings of a camera that moved from node to node, told as one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Timeline } from '@ruth/protocol';
import { joinPlaylists, joinTimelines } from '@ruth/server/parts';

const timeline = (over: Partial<Timeline>): Timeline => ({ camera_id: 'gate', start: 0, end: 100, spans: [], gaps: [], oldest: null, newest: null, ...over });
const span = (start: number, end: number) => ({ start, end, kept: false, bytes: 1 });
const gap = (start: number, end: number | null, cause: 'stopped' | 'process_died' | 'camera_down') => ({ start, end, cause, message: null });

test('there is no gap where another node has a picture, and what is left of two gaps is told once, by the node that has the camera', () => {
  const joined = joinTimelines([
    { node: 'south', timeline: timeline({ spans: [span(42, 60), span(70, 90)], gaps: [gap(35, 42, 'camera_down'), gap(60, 70, 'camera_down')], oldest: 42, newest: 90 }) },
    { node: 'north', timeline: timeline({ spans: [span(0, 20), span(25, 40)], gaps: [gap(20, 25, 'process_died'), gap(40, null, 'stopped')], oldest: 0, newest: 40 }) },
  ], [{ node: 'west', since: 5, error: 'it is away' }]);
  assert.deepEqual(joined.spans.map(({ start, end, node }) => [start, end, node]), [[0, 20, 'north'], [25, 40, 'north'], [42, 60, 'south'], [70, 90, 'south']]);
  assert.deepEqual(joined.gaps.map(({ start, end, cause }) => [start, end, cause]), [[20, 25, 'process_died'], [40, 42, 'camera_down'], [60, 70, 'camera_down'], [90, null, 'stopped']]);
  assert.deepEqual([joined.oldest, joined.newest, joined.away], [0, 90, [{ node: 'west', since: 5, error: 'it is away' }]]);
});

test('a playlist of several nodes names the node of each file, in the order in which they were recorded', () => {
  const head = (targetS: number): string[] => ['#EXTM3U', '#EXT-X-VERSION:7', `#EXT-X-TARGETDURATION:${targetS}`, '#EXT-X-PLAYLIST-TYPE:VOD', '#EXT-X-MEDIA-SEQUENCE:0', '#EXT-X-START:TIME-OFFSET=1.000000,PRECISE=YES'];
  const file = (name: string, date: string): string[] => [`#EXT-X-MAP:URI="${name}",BYTERANGE="700@0"`, `#EXT-X-PROGRAM-DATE-TIME:${date}`, '#EXTINF:4.000000,', '#EXT-X-BYTERANGE:100@700', name];
  const north = [...head(5), ...file('1/0.mp4', '2026-01-01T10:00:00.000Z'), '#EXT-X-DISCONTINUITY', ...file('9/7.mp4', '2026-01-01T10:20:00.000Z'), '#EXT-X-ENDLIST', ''].join('\n');
  const south = [...head(6), ...file('5/0.mp4', '2026-01-01T10:10:00.000Z'), ''].join('\n').replace('VOD', 'EVENT');
  const named = (lines: string[], node: string): string[] => lines.map((line) => (line.startsWith('#EXT-X-MAP') ? line.replace('.mp4', `.mp4?node=${node}`) : line.startsWith('#') ? line : `${line}?node=${node}`));
  assert.deepEqual(joinPlaylists([{ node: 'south', text: south }, { node: 'north', text: north }]).split('\n'), [
    ...head(6).map((line) => line.replace('VOD', 'EVENT')),
    ...named(file('1/0.mp4', '2026-01-01T10:00:00.000Z'), 'north'), '#EXT-X-DISCONTINUITY', ...named(file('5/0.mp4', '2026-01-01T10:10:00.000Z'), 'south'), '#EXT-X-DISCONTINUITY', ...named(file('9/7.mp4', '2026-01-01T10:20:00.000Z'), 'north'), '',
  ]);
  const ended = joinPlaylists([{ node: 'north', text: north }]);
  assert.match(ended, /PLAYLIST-TYPE:VOD/);
  assert.match(ended, /1\/0\.mp4\?node=north[\s\S]*#EXT-X-ENDLIST\n$/);
});
