// Time on the page: which look belongs to the displayed frame, how playback stays near the live edge, when to try again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Look } from '@ruth/protocol';
import { BackOff, capturedAt, followLiveEdge, Growth, LookBook, LookHistory, PlayoutLag, ptsOfRtpTimestamp, staleAfterUs } from '@ruth/web';

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
  /** At 10 s, with a lag of 0.4 s wanted. */
  const step = (currentTimeS: number, rate = 1, { nowS = 10, startS = 0, endS = 10 } = {}) => followLiveEdge({ currentTimeS, buffered: [{ startS, endS }], nowS, targetLagS: 0.4, rate, jumpBeyondS: 3 });

  it('goes on at its own pace where the lag is right', () => {
    for (const atS of [9.57, 9.6, 9.63]) assert.deepEqual(step(atS), { seekToS: null, rate: 1 });
    assert.deepEqual(followLiveEdge({ currentTimeS: 0, buffered: [], nowS: 10, targetLagS: 0.4, rate: 1.05, jumpBeyondS: 3 }), { seekToS: null, rate: 1 });
  });

  it('hurries gently until the lag is right again, and no further', () => {
    assert.equal(step(9.5).rate, 1.05);
    assert.equal(step(9.58, 1.02).rate, 1.01);
    assert.equal(step(9.595, 1.01).rate, 1);
    assert.equal(step(8).rate, 1.1);
  });

  it('dallies before it runs dry', () => {
    assert.equal(step(9.7).rate, 0.95);
    assert.equal(step(9.62, 0.95).rate, 0.99);
    assert.equal(step(9.605, 0.99).rate, 1);
    assert.equal(step(9.99).rate, 0.85);
  });

  it('jumps where it is far behind, before the first picture, or past the last, never beyond what is there', () => {
    assert.deepEqual(step(5), { seekToS: 9.6, rate: 1 });
    assert.deepEqual(step(0, 1, { nowS: 101, startS: 100, endS: 101 }), { seekToS: 100.6, rate: 1 });
    assert.deepEqual(step(0, 1, { nowS: 100.2, startS: 100, endS: 100.2 }), { seekToS: 100, rate: 1 });
    assert.deepEqual(step(12), { seekToS: 9.6, rate: 1 });
    assert.equal(step(3, 1, { endS: 8 }).seekToS, 7.98);
  });

  it('waits where it is while nothing newer comes, however long that is', () => {
    for (const atS of [6, 5.99]) assert.deepEqual(step(atS, 1, { nowS: 20, endS: 6 }).seekToS, null);
  });

  it('leaves a gap in what is buffered behind', () => {
    const view = { currentTimeS: 4.9, buffered: [{ startS: 0, endS: 5 }, { startS: 6, endS: 6.3 }], nowS: 6.3, targetLagS: 0.4, rate: 1, jumpBeyondS: 3 };
    assert.deepEqual(followLiveEdge(view), { seekToS: 6, rate: 1 });
  });
});

describe('how far playback lags', () => {
  const FRAME_S = 0.04;
  /** Pictures of 25 a second, each come at once, but for what `lateS` says of them. */
  const watched = (pictures: number, lateS: (index: number) => number, lag = new PlayoutLag(), first = 0): PlayoutLag => {
    for (let index = first; index < first + pictures; index++) lag.arrivals.note(index * FRAME_S + lateS(index), index * FRAME_S, (index + 1) * FRAME_S, 1);
    return lag;
  };
  const about = (value: number | null, wantedS: number): void => assert.ok(value !== null && Math.abs(value - wantedS) < 0.001, `${value}, not ${wantedS}`);

  it('is a margin where pictures come evenly, and as much more as the latest of them is late', () => {
    assert.equal(new PlayoutLag().behindS, null);
    const even = watched(100, () => 0.02);
    about(even.jitterS, 0);
    about(even.behindS, even.marginS);
    const uneven = watched(100, (index) => (index % 10 === 0 ? 0.17 : 0.02));
    about(uneven.jitterS, 0.15);
    about(uneven.behindS, 0.15 + uneven.marginS);
  });

  it('forgets what was late, and is ruled neither by what was late once nor by outages', () => {
    about(watched(100, (index) => (index === 20 ? 0.3 : 0)).jitterS, 0);
    const lag = watched(100, (index) => (index === 20 || index === 70 ? 0.3 : 0));
    about(lag.jitterS, 0.3);
    about(watched(500, () => 0, lag, 100).jitterS, 0);
    const outage = watched(100, (index) => (index === 20 || index === 70 ? 4 : 0));
    about(outage.jitterS, 0);
  });

  it('takes the pictures that a stream begins with for no late ones', () => {
    // 50 of them within 50 ms, then one each 40 ms.
    const lag = watched(150, (index) => (index < 50 ? 2 - index * FRAME_S + index / 1000 : 0));
    assert.ok(lag.jitterS! < 0.1, String(lag.jitterS));
  });

  it('counts several that come at once as late as the first of them', () => {
    const lag = watched(50, () => 0);
    for (const atS of [2, 3]) lag.arrivals.note(atS + 5 * FRAME_S, atS, atS + 5 * FRAME_S, 5);
    about(lag.jitterS, 5 * FRAME_S);
  });

  it('is what looks need where that is more', () => {
    const lag = watched(50, () => 0);
    lag.atLeastS = 0.5;
    about(lag.behindS, 0.5);
  });

  it('grows when playback ran dry nevertheless, once for what belongs together, and comes back when all is calm', () => {
    const lag = watched(50, () => 0);
    const calmS = lag.marginS;
    lag.ranDry(1000);
    lag.ranDry(1100);
    const grownS = lag.marginS;
    assert.ok(grownS > calmS);
    assert.equal(lag.dry, 2);
    lag.relax(10_000);
    assert.equal(lag.marginS, grownS);
    lag.relax(60_000);
    about(lag.marginS, calmS);
    for (let times = 0; times < 100; times++) lag.ranDry(100_000 + times * 1000);
    assert.ok(lag.marginS <= 1);
  });
});

describe('how fast a number grows', () => {
  it('is told of the last seconds, not before it was watched for one, and anew where it began anew', () => {
    const growth = new Growth(3000);
    assert.equal(growth.note(0, 100), null);
    assert.equal(growth.note(500, 110), null);
    assert.equal(growth.note(1000, 125), 25);
    for (let ms = 1250; ms <= 10_000; ms += 250) growth.note(ms, 125);
    assert.equal(growth.note(10_250, 125), 0);
    assert.equal(growth.note(10_500, 3), null);
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
