// Times on the recordings page: what the timeline shows, where playback begins, and which moment is on the screen.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordedSpan, RecordingGap, Timeline } from '@ruth/protocol';
import {
  addressOf, bytesText, clockText, dayOfIsoDate, dayStartS, dayWindow, durationText, gapAt, LIVE, including, isoDate, MediaMap, neighbourGap, parseView, playableFrom, recentWindow, spanAt, ticksOf, withinReach, zoomed,
} from '@ruth/web';

const DAY_S = dayStartS(1_795_348_800);
const span = (start: number, end: number): RecordedSpan => ({ start, end, kept: false, bytes: 1 });
const gap = (start: number, end: number | null): RecordingGap => ({ start, end, cause: 'camera_down', message: null });
const timeline = (spans: RecordedSpan[], gaps: RecordingGap[] = []): Timeline => ({
  camera_id: 'front', start: 0, end: 1e9, spans, gaps, oldest: spans[0]?.start ?? null, newest: spans.at(-1)?.end ?? null,
});

describe('the window of a timeline', () => {
  it('keeps the time under the pointer where it is when it is zoomed, from a day to a minute', () => {
    const day = dayWindow(DAY_S + 40_000);
    assert.deepEqual(day, { startS: DAY_S, spanS: 86_400 });
    const half = zoomed(day, 0.5, DAY_S + 21_600);
    assert.deepEqual(half, { startS: DAY_S + 10_800, spanS: 43_200 });
    assert.equal(zoomed(half, 1e-9, DAY_S).spanS, 60);
    assert.equal(zoomed(half, 1e9, DAY_S).spanS, 86_400);
  });

  it('moves only where what is to be shown is not well inside', () => {
    const window = { startS: 1000, spanS: 100 };
    assert.equal(including(window, 1050), window);
    const moved = including(window, 1099.5);
    assert.ok(moved.startS < 1099.5 && moved.startS + 50 > 1099.5 && moved.spanS === 100);
    assert.ok(including(window, 500).startS < 500);
  });

  it('reaches from the day of the oldest recording to the end of today', () => {
    const nowS = DAY_S + 43_200;
    assert.equal(withinReach({ startS: DAY_S + 80_000, spanS: 86_400 }, null, nowS).startS, dayStartS(nowS, 1) - 86_400);
    assert.equal(withinReach({ startS: 0, spanS: 600 }, nowS - 86_400, nowS).startS, dayStartS(nowS - 86_400));
  });

  it('shows what little there is, not an empty day around it', () => {
    const nowS = DAY_S + 50_000;
    const { startS, spanS } = recentWindow(nowS - 300, nowS);
    assert.ok(startS < nowS - 300 && startS + spanS > nowS && spanS < 1200);
    assert.deepEqual(recentWindow(nowS - 45_000, nowS), dayWindow(nowS));
  });

  it('shows all of a day on which the clocks are changed, with labels at round hours of the clock', () => {
    const before = process.env.TZ;
    process.env.TZ = 'Europe/Berlin';
    try {
      for (const [noon, hours, labels] of [['2026-10-25T11:00:00Z', 25, ['00:00', '06:00', '12:00', '18:00', '00:00']], ['2026-03-29T10:00:00Z', 23, ['00:00', '06:00', '12:00', '18:00', '00:00']]] as const) {
        const day = dayWindow(Date.parse(noon) / 1000);
        assert.equal(day.spanS, hours * 3600);
        for (const widthPx of [330, 360]) assert.deepEqual(ticksOf(day, widthPx).filter(({ labelled }) => labelled).map(({ atS }) => clockText(atS, { seconds: false })), labels);
        const wide = ticksOf(day, 1100).filter(({ labelled }) => labelled).map(({ atS }) => clockText(atS, { seconds: false }));
        assert.ok(wide.length > 10 && wide.every((label) => /^[012][02468]:00$/.test(label)), wide.join(' '));
      }
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  it('has ticks at round times, and labels only where there is room for them', () => {
    for (const [spanS, widthPx] of [[86_400, 360], [86_400, 2400], [3600, 900], [60, 900], [60, 300]] as const) {
      const ticks = ticksOf({ startS: DAY_S + 12_345.6, spanS }, widthPx);
      const labelled = ticks.filter((tick) => tick.labelled).map((tick) => tick.atS);
      assert.ok(labelled.length >= 2, `${spanS} s in ${widthPx} px has labels`);
      for (const [index, atS] of labelled.entries()) {
        assert.equal((atS - DAY_S) % 1, 0);
        if (index > 0) assert.ok((atS - labelled[index - 1]!) / spanS * widthPx >= 70);
      }
      assert.ok(ticks.length <= widthPx / 8);
    }
  });
});

describe('what is recorded', () => {
  const recorded = timeline([span(100, 200), span(260, 300), span(300.02, 400)], [gap(200, 260), gap(400, null)]);

  it('is known for each instant, and why not', () => {
    assert.equal(spanAt(recorded, 150)?.start, 100);
    assert.equal(spanAt(recorded, 230), null);
    assert.equal(gapAt(recorded, 230)?.cause, 'camera_down');
    assert.equal(gapAt(recorded, 5000)?.start, 400, 'a gap that goes on has no end');
    assert.equal(gapAt(recorded, 50), null);
  });

  it('plays from the instant itself, else from where recording goes on', () => {
    assert.equal(playableFrom(recorded, 150), 150);
    assert.equal(playableFrom(recorded, 230), 260);
    assert.equal(playableFrom(recorded, 1), 100);
    assert.equal(playableFrom(recorded, 401), null);
    assert.equal(playableFrom(null, 1), null);
  });

  it('has gaps to jump to; files that touch have none between them', () => {
    assert.deepEqual(neighbourGap(recorded, 150, 1), { start: 200, end: 260 });
    assert.deepEqual(neighbourGap(recorded, 350, -1), { start: 200, end: 260 });
    assert.equal(neighbourGap(recorded, 261, -1), null, 'one that playback just came out of is not the one before');
    assert.equal(neighbourGap(recorded, 350, 1), null);
  });
});

describe('the moment on the screen', () => {
  const map = new MediaMap([{ mediaS: 0, durationS: 4, wallS: 1000 }, { mediaS: 4, durationS: 4, wallS: 1004 }, { mediaS: 8, durationS: 2, wallS: 5000 }]);

  it('is found across parts that lie hours apart', () => {
    assert.deepEqual([0, 3.5, 4, 7.5, 8, 9.5].map((mediaS) => map.wallAt(mediaS)), [1000, 1003.5, 1004, 1007.5, 5000, 5001.5]);
    assert.deepEqual([1000, 1006, 5001].map((wallS) => map.mediaAt(wallS)), [0, 6, 9]);
  });

  it('of a time that was not recorded is the next one that was; outside of what is loaded there is none', () => {
    assert.equal(map.mediaAt(3000), 8);
    assert.equal(map.mediaAt(999), null);
    assert.equal(map.mediaAt(5003), null);
    assert.equal(new MediaMap([]).wallAt(1), null);
    assert.equal(new MediaMap([]).mediaAt(1), null);
  });
});

describe('times in words', () => {
  it('are this browser\'s own', () => {
    assert.equal(clockText(DAY_S + 3 * 3600 + 4 * 60 + 5.25, { milliseconds: true }), '03:04:05.250');
    assert.equal(clockText(DAY_S + 3 * 3600, { seconds: false }), '03:00');
    assert.equal(dayOfIsoDate(isoDate(DAY_S)), DAY_S);
    assert.equal(dayOfIsoDate('yesterday'), null);
  });

  it('say durations and sizes shortly', () => {
    assert.deepEqual([0.4, 8, 59.4, 60, 250, 3600, 10_920].map(durationText), ['0.4 s', '8 s', '59 s', '1 min', '4 min 10 s', '1 h', '3 h 2 min']);
    assert.deepEqual([0, 999, 1500, 4_200_000, 81e9].map(bytesText), ['0 B', '999 B', '1.5 kB', '4.2 MB', '81 GB']);
  });
});

describe('the address of a view', () => {
  it('can be linked to', () => {
    for (const view of [LIVE, { name: 'live', cameraId: 'front-door' }, { name: 'live', cameraId: 'front-door', atS: 1_795_349_885.441 }, { name: 'recordings', cameraId: null, atS: null }, { name: 'recordings', cameraId: 'front-door', atS: 1_795_349_885.441 }, { name: 'recordings', cameraId: 'front-door', beside: ['yard', 'back.1'], atS: 1_795_349_885.441 }] as const) {
      assert.deepEqual(parseView(addressOf(view)), view);
    }
  });

  it('is the live view where it makes no sense, and names no camera that cannot be', () => {
    assert.deepEqual(parseView('#/nonsense'), LIVE);
    assert.deepEqual(parseView(''), LIVE);
    assert.deepEqual(parseView('#/live/..%2fetc'), LIVE);
    assert.deepEqual(parseView('#/recordings/..%2f..?at=-4'), { name: 'recordings', cameraId: null, atS: null });
    assert.deepEqual(parseView('#/recordings/front?at=soon'), { name: 'recordings', cameraId: 'front', atS: null });
    assert.deepEqual(parseView('#/recordings/front,front,..%2f,yard'), { name: 'recordings', cameraId: 'front', beside: ['yard'], atS: null });
  });
});
