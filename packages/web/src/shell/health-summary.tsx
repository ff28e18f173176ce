// How the whole is, in the header: in words what is not well, and every part on demand. Where there is no room for all of it, in short.
import { Popover } from '@base-ui/react/popover';
import type { CameraStatus, SystemHealth } from '@ruth/protocol';
import type { System } from '../system/system-store.ts';
import { addressOf, type View } from '../view-address.ts';
import { clockText } from '../wall-clock.ts';

type Tone = 'good' | 'warn' | 'bad' | 'unknown';
/** `view`: where more of it is told. */
interface Part { readonly name: string; readonly tone: Tone; readonly words: string; readonly view: View }

const WORST_FIRST: readonly Tone[] = ['bad', 'warn', 'unknown', 'good'];
const SYSTEM: View = { name: 'system' };
const MODELS: View = { name: 'models' };
const CAMERAS: View = { name: 'cameras', cameraId: null, page: 'list' };
/** So many parts that are not well stand in the header; the others are counted. */
const MOST_NAMED = 2;

export function HealthSummary({ system }: { system: System }) {
  const parts = partsOf(system);
  const amiss = parts.filter(({ tone }) => tone !== 'good').toSorted((a, b) => WORST_FIRST.indexOf(a.tone) - WORST_FIRST.indexOf(b.tone));
  const hidden = amiss.length - MOST_NAMED;
  const words = amiss.length === 0 ? 'All well' : hidden > 0 ? `${hidden} more` : 'All parts';
  return (
    <div className="health">
      {amiss.length > 0 && <PartList parts={amiss.slice(0, MOST_NAMED)} label="Not well" />}
      <Popover.Root>
        <Popover.Trigger className="health-button" data-tone={amiss[0]?.tone ?? 'good'}>
          <span className="hidden-words">Health: </span>
          {amiss.length === 0 && <span className="dot" aria-hidden="true" />}
          <span className="words-wide">{words}</span>
          {amiss.length > 0 && <span className="words-narrow"><span className="dot" aria-hidden="true" /><span className="part-name">{amiss.length === 1 ? `${amiss[0]!.name}: ${amiss[0]!.words}` : `${amiss.length} not well`}</span></span>}
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner sideOffset={8} align="end" className="positioner">
            <Popover.Popup className="popup health-parts">
              <Popover.Title className="popup-title">Health</Popover.Title>
              <PartList parts={parts} label="Every part" />
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
    </div>
  );
}

function PartList({ parts, label }: { parts: readonly Part[]; label: string }) {
  return (
    <ul aria-label={label}>
      {parts.map(({ name, tone, words, view }) => (
        <li key={name} data-part={name} data-tone={tone}>
          <span className="dot" aria-hidden="true" />
          <a href={addressOf(view)}>
            <span className="part-name">{name}</span>
            <span className="words">{words}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function partsOf({ server, eventsOpen, health, models, cameras }: System): Part[] {
  const connection: Part = server === 'offline' ? { name: 'Server', tone: 'bad', words: 'no answer', view: SYSTEM }
    : server !== 'online' ? { name: 'Server', tone: 'unknown', words: 'connecting', view: SYSTEM }
      : eventsOpen ? { name: 'Server', tone: 'good', words: 'events arrive live', view: SYSTEM } : { name: 'Server', tone: 'warn', words: 'events are interrupted', view: SYSTEM };
  if (server !== 'online' || !health) return [connection];
  const name = (id: string): string => models.value?.find((model) => model.model_id === id)?.model_name ?? id;
  return [
    connection, processPart('Kernel', health.kernel), processPart('Core', health.core),
    ...recordingPart(health.recording), ...storePart(health.store),
    ...cameraPart(cameras.failure ? [] : cameras.value ?? []),
    ...(health.models ?? []).map((model): Part => ({ name: name(model.model_id), tone: model.state === 'up' ? 'good' : 'bad', words: model.state, view: MODELS })),
  ];
}

/** A disk that is nearly full mends itself by what is oldest, and no one need do anything. `health` of an older server tells nothing of it. */
function recordingPart(recording: SystemHealth['recording'] | undefined): Part[] {
  if (!recording || recording.state === 'off') return [];
  const since = recording.since === null ? '' : ` since ${clockText(recording.since)}`;
  const [tone, words]: [Tone, string] = recording.state === 'full' ? ['bad', `disk full${since}`] : recording.state === 'failing' ? ['bad', `the disk fails${since}`]
    : ['good', recording.state === 'nearly_full' ? 'disk nearly full, the oldest makes room' : 'the disk has room'];
  return [{ name: 'Recording', tone, words, view: SYSTEM }];
}

/** Without it no event is kept yet, nobody signs in, and an open page cannot be told more than what it shows. */
function storePart(store: SystemHealth['store']): Part[] {
  if (!store) return [];
  return [store.state === 'ok' ? { name: 'Store', tone: 'good', words: 'keeps events', view: SYSTEM } : { name: 'Store', tone: 'bad', words: `no answer${store.since === null ? '' : ` since ${clockText(store.since)}`}`, view: SYSTEM }];
}

/** Those that send nothing, counted: which they are, and why, stands on their tiles. */
function cameraPart(cameras: readonly CameraStatus[]): Part[] {
  if (cameras.length === 0) return [];
  const away = cameras.filter(({ state }) => state === 'down' || state === 'stalled').length;
  if (away > 0) return [{ name: 'Cameras', tone: 'bad', words: `${away} of ${cameras.length} ${away === 1 ? 'sends' : 'send'} nothing`, view: CAMERAS }];
  const connecting = cameras.filter(({ state }) => state === 'connecting').length;
  return [{ name: 'Cameras', tone: 'good', words: connecting > 0 ? `${connecting} connecting` : `${cameras.length} streaming`, view: CAMERAS }];
}

function processPart(name: string, { status }: SystemHealth['kernel']): Part {
  const tone = status === 'ready' ? 'good' : status === 'unreachable' ? 'bad' : 'warn';
  return { name, tone, words: status === 'unreachable' ? 'no answer' : status, view: SYSTEM };
}
