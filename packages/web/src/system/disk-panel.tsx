// The disk of the recordings: what they take, what is free, and for how long that is enough.
import type { CameraStatus, StorageStatus } from '@ruth/protocol';
import { sentence } from '../recordings/gap-cause.ts';
import { bytesText, durationText } from '../wall-clock.ts';
import type { Known } from './system-store.ts';

const STATE_WORDS: Record<StorageStatus['state'], string> = { off: 'Nothing is recorded', ok: 'Well', nearly_full: 'Nearly full', full: 'Full', failing: 'It cannot be written to' };

export function DiskPanel({ storage: { value, failure }, cameras }: { storage: Known<StorageStatus>; cameras: readonly CameraStatus[] }) {
  return (
    <section className="panel" aria-label="Disk">
      <h3>Disk</h3>
      {value === null ? <p className={failure ? 'problem' : 'hint'}>{failure ? `It is not known how the disk is: ${failure.message}` : 'Loading'}</p> : <Disk storage={value} cameras={cameras} />}
    </section>
  );
}

function Disk({ storage: { state, message, directory, bytes, segments, free_bytes: free, total_bytes: total, unclaimed, unclaimed_deleted: deleted }, cameras }: { storage: StorageStatus; cameras: readonly CameraStatus[] }) {
  const bytesPerSecond = cameras.filter(({ recording }) => recording.state === 'recording').reduce((sum, { bitrate_bps }) => sum + (bitrate_bps ?? 0) / 8, 0);
  return (
    <>
      <p data-tone={state === 'ok' || state === 'off' ? 'good' : state === 'nearly_full' ? 'warn' : 'bad'}><span className="dot" aria-hidden="true" /> {message ? sentence(message) : STATE_WORDS[state]}</p>
      {(state === 'full' || state === 'failing') && <p>{state === 'full' ? 'Delete what else lies on that disk, take what is kept off it, or give it more room. Recording goes on by itself as soon as there is room; live video and events go on meanwhile.' : 'Check the disk and its cables, and whether it is mounted and may be written to. Recording goes on by itself as soon as it can.'}</p>}
      {total !== null && free !== null && (
        <>
          <meter className="disk" min={0} max={total} high={total * 0.9} value={total - free} aria-label="Share of the disk that is taken" />
          <p className="hint">{bytesText(total - free)} of {bytesText(total)} taken, {bytesText(bytes)} of it by {segments} files of recordings{directory ? ` in ${directory}` : ''}.</p>
        </>
      )}
      {unclaimed && <p data-tone="warn"><span className="dot" aria-hidden="true" /> {bytesText(unclaimed.bytes)} of {unclaimed.cameras} {unclaimed.cameras === 1 ? 'camera' : 'cameras'} were recorded aside, without a lease of the site, and are in no timeline until it is known what of it other nodes have.</p>}
      {deleted && <p data-tone="warn"><span className="dot" aria-hidden="true" /> {bytesText(deleted.bytes)} of what was recorded aside were deleted before that was known: {deleted.age > 0 ? 'they were older than recordings are kept' : 'they were the oldest, and there was no room for all'}.</p>}
      {bytesPerSecond > 0 && free !== null && <p>At present {bytesText(bytesPerSecond * 3600)} are recorded an hour. What is free is enough for {durationText(free / bytesPerSecond)}; after that the oldest makes room.</p>}
    </>
  );
}
