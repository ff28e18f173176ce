// All cameras: what sends nothing in lists, by why; of each other one a picture, what it sends, what went wrong.
import { useEffect, useState } from 'react';
import type { CameraStatus } from '@ruth/protocol';
import { codecName } from '../camera/tile-condition.ts';
import { useMay, useSession } from '../session.ts';
import { withoutCameras } from '../shell/no-cameras.tsx';
import { Empty } from '../shell/states.tsx';
import { apiAddress, SERVER_UNREACHABLE, type Failure } from '../system/api.ts';
import { addressOf } from '../view-address.ts';
import { clockText, dateText } from '../wall-clock.ts';
import { STATE_WORDS, TONES } from './camera-states.ts';
import { RemoveCamera } from './remove-camera.tsx';
import { SilentCameras } from './silent-cameras.tsx';
import { isSilent, silentGroups } from './silent-groups.ts';

/** A picture costs the decoding of a keyframe. */
const PICTURE_EVERY_MS = 20_000;
const PICTURE_WIDTH = 480;
const RECORDING_WORDS: Record<CameraStatus['recording']['state'], string> = { off: 'not recorded', waiting: 'waits for pictures', recording: 'recording', paused: 'is paused' };

export function CameraList({ cameras, failure, onRemoved }: { cameras: readonly CameraStatus[]; failure: Failure | null; onRemoved: () => void }) {
  const mayAdminister = useMay('administer');
  const isLimited = (useSession()?.cameras ?? null) !== null;
  return (
    <main className="page-view">
      <div className="view-head">
        <h2 className="view-title">Cameras</h2>
        {mayAdminister && <a className="button primary" href={addressOf({ name: 'cameras', cameraId: null, page: 'add' })}>Add a camera</a>}
      </div>
      {failure && failure.code !== SERVER_UNREACHABLE && <p className="problem" role="status">The kernel does not answer. What you see is what it said last.</p>}
      {cameras.length === 0 && <Empty title={isLimited ? 'No camera that you may see' : 'No camera yet'}><p>{mayAdminister ? 'Add one by its address, or search the network for cameras that speak ONVIF.' : withoutCameras(isLimited)}</p></Empty>}
      <SilentCameras groups={silentGroups(cameras)} mayAdminister={mayAdminister} onRemoved={onRemoved} />
      <ul className="cards camera-cards" aria-label="Cameras">
        {cameras.filter((camera) => !isSilent(camera)).map((camera) => <CameraCard key={camera.camera_id} camera={camera} mayAdminister={mayAdminister} onRemoved={onRemoved} />)}
      </ul>
    </main>
  );
}

function CameraCard({ camera, mayAdminister, onRemoved }: { camera: CameraStatus; mayAdminister: boolean; onRemoved: () => void }) {
  const { camera_id: id, name, state, url, last_error: error, note, packets_lost: lost, counters } = camera;
  const page = (to: 'scene' | 'rules' | 'settings'): string => addressOf({ name: 'cameras', cameraId: id, page: to });
  return (
    <li className="panel card camera-card" data-camera-id={id} data-tone={TONES[state]}>
      <Picture camera={camera} />
      <h3><span className="dot" aria-hidden="true" /><a href={page('scene')}>{name}</a><span className="card-state">{STATE_WORDS[state]}</span></h3>
      <p className="hint address">{url}</p>
      {note && <p className="hint">{note}</p>}
      <dl>
        {factsOf(camera).map(([term, fact]) => <div key={term}><dt>{term}</dt><dd>{fact}</dd></div>)}
        {(lost > 0 || counters.reconnects > 0 || counters.decode_errors > 0) && <div><dt>Troubles</dt><dd>{troubles(camera)}</dd></div>}
      </dl>
      {error && <p className="hint">Last trouble, {dateText(error.at)}, {clockText(error.at)}: {error.message}</p>}
      <div className="card-actions">
        <a className="text-button" href={addressOf({ name: 'live', cameraId: id })}>Live</a>
        <a className="text-button" href={page('scene')} aria-label={`Scene of ${name}`}>Scene</a>
        <a className="text-button" href={page('rules')} aria-label={`Rules of ${name}`}>Rules</a>
        <a className="text-button" href={page('settings')} aria-label={`Settings of ${name}`}>Settings</a>
        {mayAdminister && <RemoveCamera id={id} name={name} onRemoved={onRemoved} />}
      </div>
    </li>
  );
}

function factsOf({ codec, width, height, fps, bitrate_bps: bitrate, keyframe_interval_s: keyframes, audio_codec: audio, recording, viewers, node }: CameraStatus): [string, string][] {
  return [
    ['Sends', [width && height ? `${width}\u00d7${height}` : null, codec && codecName(codec), audio && `sound (${audio})`].filter(Boolean).join(', ') || '\u2013'],
    ['Pictures', fps === null ? '\u2013' : `${fps.toFixed(1)} a second${keyframes === null ? '' : `, a keyframe every ${keyframes.toFixed(1)} s`}`],
    ['Bit rate', bitrate === null ? '\u2013' : `${(bitrate / 1e6).toFixed(bitrate < 1e7 ? 2 : 1)} Mbit/s`],
    ['Recording', `${RECORDING_WORDS[recording.state]}${recording.cause ? `: ${recording.cause.replaceAll('_', ' ')}` : ''}`],
    ['Watched by', `${viewers} now`], ...(node === undefined ? [] : [['Node', node] satisfies [string, string]]),
  ];
}

function troubles({ packets_lost: lost, counters: { reconnects, decode_errors: errors } }: CameraStatus): string {
  return [[reconnects, 'reconnects'], [lost, 'packets lost'], [errors, 'decoding errors']].filter(([count]) => Number(count) > 0).map(([count, words]) => `${count} ${words}`).join(', ');
}

/** Asked anew now and then, while the camera streams. */
function Picture({ camera: { camera_id: id, name, state } }: { camera: CameraStatus }) {
  const [round, setRound] = useState(0);
  const [missing, setMissing] = useState(false);
  const streaming = state === 'streaming';
  useEffect(() => {
    if (!streaming) return;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setRound((before) => before + 1);
    }, PICTURE_EVERY_MS);
    return () => clearInterval(timer);
  }, [streaming]);
  useEffect(() => setMissing(false), [round, streaming]);
  return (
    <div className="camera-picture">
      {streaming && !missing ? <img loading="lazy" alt={`${name}, now`} src={`${apiAddress(`cameras/${encodeURIComponent(id)}/snapshot.jpg`)}?width=${PICTURE_WIDTH}&round=${round}`} onError={() => setMissing(true)} /> : <span>{streaming ? 'No picture could be had' : 'No picture'}</span>}
    </div>
  );
}
