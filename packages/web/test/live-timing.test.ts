// Time on the page: which look belongs to the displayed frame, how playback stays near the live edge, when to try again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Look } from '@ruth/protocol';
import { BackOff, capturedAt, followLiveEdge, LookBook, LookHistory, ptsOfRtpTimestamp, staleAfterUs } from '@ruth/web';

const look = (ptsMs: number, epoch = 1, over: Partial<Look> = {}): Look => ({
  camera_id: 'front', model_id: 'detector', frame_id: ptsMs, captured_at: 1, pts_us: ptsMs * 1000, epoch, width: 640, height: 360, detections: [], metadata: {}, error: null, error_code: null, ...over,
});
const historyOf = (...looks: Look[]): LookHistory => {
  const history = new LookHistory();
  for (const each of looks) history.push(each);
  return history;
};

describe('the look that belongs to a frame', () => {
  it('is the nearest in time, before or after it', () => {
    const history = historyOf(look(1000), look(1200), look(1400));
    for (const [atMs, nearestMs] of [[1090, 1000], [1110, 1200], [1200, 1200], [1390, 1400], [1500, 1400]] as const) {
      assert.equal(history.at(atMs * 1000, 1, 250_000)?.frame_id, nearestMs);
    }
  });

  it('is none where the nearest is stale or of another epoch', () => {
    const history = historyOf(look(1000));
    assert.equal(history.at(1_250_000, 1, 250_000)?.frame_id, 1000);
    assert.equal(history.at(1_250_001, 1, 250_000), null);
    assert.equal(history.at(1_000_000, 2, 250_000), null);
  });

  it('may be found in an old epoch while its pictures are still on the screen', () => {
    const history = historyOf(look(9000, 1), look(100, 2));
    assert.equal(history.at(9_000_000, 1, 250_000)?.epoch, 1);
    assert.equal(history.at(100_000, 2, 250_000)?.epoch, 2);
  });

  it('is a look that failed, where that is the nearest: it could not look, which is not that nothing was there', () => {
    assert.equal(historyOf(look(1000), look(1200, 1, { error: 'no' })).at(1_190_000, 1, 250_000)?.error, 'no');
  });

  it('comes from a memory that stays small', () => {
    const history = new LookHistory();
    for (let ms = 0; ms < 60_000; ms += 10) history.push(look(ms));
    assert.equal(history.at(50_000_000, 1, 100_000), null);
    assert.equal(history.at(59_000_000, 1, 100_000)?.frame_id, 59_000);
    for (let ms = 0; ms < 1000; ms++) history.push(look(0, ms));
    assert.equal(history.at(0, 1, 1), null);
  });

  it('counts as stale after one and a half intervals, or 250 ms where looks come quicker', () => {
    assert.deepEqual([staleAfterUs(1), staleAfterUs(5), staleAfterUs(25)], [1_500_000, 300_000, 250_000]);
  });

  it('is kept apart for each camera and model', () => {
    const book = new LookBook();
    book.push(look(1000));
    assert.equal(book.of('front', 'detector')?.newest?.frame_id, 1000);
    assert.equal(book.of('front', 'pose'), null);
    assert.equal(book.of('back', 'detector'), null);
  });
});

describe('a look that is late', () => {
  const seen = (ptsMs: number, left: number, over: Partial<Look> = {}): Look => look(ptsMs, 1, {
    detections: [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [left, 0.2, left + 0.2, 0.6], track_id: 7 }], ...over,
  });
  const leftAt = (history: LookHistory, atMs: number): number => Math.round(history.at(atMs * 1000, 1, 500_000)!.detections[0]!.bbox[0] * 1000) / 1000;

  it('is carried on as it went, as far as its last two looks lie apart and never out of the picture', () => {
    const history = historyOf(seen(1000, 0.1), seen(1200, 0.2));
    assert.deepEqual([leftAt(history, 1200), leftAt(history, 1300), leftAt(history, 1400), leftAt(history, 1600)], [0.2, 0.25, 0.3, 0.3]);
    assert.ok(historyOf(seen(1000, 0.5), seen(1200, 0.75)).at(1_400_000, 1, 500_000)!.detections[0]!.bbox.every((edge) => edge >= 0 && edge <= 1));
  });

  it('stays where it is after a look that failed', () => {
    assert.equal(leftAt(historyOf(seen(1000, 0.1, { error: 'no' }), seen(1200, 0.2)), 1300), 0.2);
  });

  it('is found by the wall clock where it was at another stream of the camera', () => {
    const history = historyOf(look(5, 9, { captured_at: 100 }), look(400, 9, { captured_at: 100.4 }));
    assert.equal(history.atInstant(100.39, 250_000)?.captured_at, 100.4);
    assert.equal(history.atInstant(101, 250_000), null);
    const origin = { epoch: 3, ptsOriginUs: 2_000_000, wallOriginS: 99 };
    assert.equal(capturedAt({ ptsUs: 3_500_000, epoch: 3 }, origin), 100.5);
    assert.equal(capturedAt({ ptsUs: 3_500_000, epoch: 4 }, origin), null);
  });
});

describe('the pts of a frame that came over RTP', () => {
  it('is told from its timestamp, however often that has begun anew', () => {
    for (const ticks of [0, 90_000, 2 ** 32 - 5, 2 ** 32 + 90_000, 7 * 2 ** 32 + 12_345]) {
      for (const offset of [0, 4_000_000_000]) {
        const rtpTimestamp = (ticks + offset) % 2 ** 32;
        const ptsUs = ticks / 0.09;
        assert.ok(Math.abs(ptsOfRtpTimestamp(rtpTimestamp, offset, ptsUs + 3_000_000) - ptsUs) < 1, `${ticks} ticks, offset ${offset}`);
      }
    }
  });
});

describe('playback near the live edge', () => {
  const step = (currentTimeS: number, endS: number, rate = 1, startS = 0) => followLiveEdge({ currentTimeS, buffered: [{ startS, endS }], targetDelayS: 0.4, rate, jumpBeyondS: 3 });

  it('goes on at its own pace where the delay is right', () => {
    assert.deepEqual(step(9.6, 10), { seekToS: null, rate: 1 });
    assert.deepEqual(followLiveEdge({ currentTimeS: 0, buffered: [], targetDelayS: 0.4, rate: 1.05, jumpBeyondS: 3 }), { seekToS: null, rate: 1 });
  });

  it('hurries gently until the delay is right again, and no further', () => {
    assert.equal(step(9.3, 10).rate, 1.05);
    assert.equal(step(9.55, 10, 1.05).rate, 1.05);
    assert.equal(step(9.61, 10, 1.05).rate, 1);
    assert.equal(step(8, 10).rate, 1.1);
  });

  it('slows down before it runs dry', () => {
    assert.equal(step(9.9, 10).rate, 0.95);
    assert.equal(step(9.7, 10, 0.95).rate, 0.95);
    assert.equal(step(9.63, 10, 0.95).rate, 1);
    assert.equal(followLiveEdge({ currentTimeS: 9.6, buffered: [{ startS: 0, endS: 10 }], targetDelayS: 1.5, rate: 1, jumpBeyondS: 3 }).rate, 0.85);
  });

  it('jumps where it is far behind, before the first picture, or past the last', () => {
    assert.deepEqual(step(5, 10), { seekToS: 9.6, rate: 1 });
    assert.deepEqual(step(0, 101, 1, 100), { seekToS: 100.6, rate: 1 });
    assert.deepEqual(step(0, 100.2, 1, 100), { seekToS: 100, rate: 1 });
    assert.deepEqual(step(12, 10), { seekToS: 9.6, rate: 1 });
  });

  it('leaves a gap in what is buffered behind', () => {
    const view = { currentTimeS: 4.9, buffered: [{ startS: 0, endS: 5 }, { startS: 6, endS: 6.3 }], targetDelayS: 0.4, rate: 1, jumpBeyondS: 3 };
    assert.deepEqual(followLiveEdge(view), { seekToS: 6, rate: 1 });
  });
});

describe('the wait between attempts', () => {
  it('doubles up to its limit, with jitter, and begins anew after a success', () => {
    const longest = new BackOff(100, 1000, () => 1);
    assert.deepEqual(Array.from({ length: 6 }, () => longest.nextMs()), [100, 200, 400, 800, 1000, 1000]);
    longest.reset();
    assert.equal(longest.nextMs(), 100);
    assert.equal(new BackOff(100, 1000, () => 0).nextMs(), 50);
  });
});
