// Looks for cameras in the network that speak ONVIF, and lets one of their streams be taken.
import { useEffect, useRef, useState } from 'react';
import type { DiscoveredDevice } from '@ruth/protocol';
import type { Failure } from '../system/api.ts';
import { searchCameras } from './camera-api.ts';

export interface CameraSearchProps {
  readonly user: string;
  readonly password: string;
  readonly onTake: (found: { readonly url: string; readonly name: string | null }) => void;
}

export function CameraSearch({ user, password, onTake }: CameraSearchProps) {
  const [devices, setDevices] = useState<readonly DiscoveredDevice[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [running, setRunning] = useState(false);
  const search = useRef<AbortController>(null);
  useEffect(() => () => search.current?.abort(), []);
  const start = async (): Promise<void> => {
    const own = search.current = new AbortController();
    setRunning(true);
    setFailure(null);
    const answer = await searchCameras(user === '' ? {} : { user, password }, own.signal);
    setRunning(false);
    if (answer.failure?.code === 'cancelled') return;
    setFailure(answer.failure);
    setDevices(answer.value);
  };
  return (
    <section className="panel" aria-label="Cameras in the network">
      <div className="panel-head">
        <h3>In the network</h3>
        {running ? <button type="button" className="button" onClick={() => search.current?.abort()}>Stop</button> : <button type="button" className="button" onClick={() => void start()}>Search</button>}
      </div>
      <p className="hint">Finds cameras that speak ONVIF. With user and password above each is asked for its streams, too.</p>
      <div role="status">
        {running && <p className="hint"><span className="spinner small" aria-hidden="true" /> Asking the network, some seconds</p>}
        {failure && <p className="problem">{failure.message}</p>}
        {!running && devices?.length === 0 && <p>No camera answered. It may speak no ONVIF, have it switched off, or be in another network: its address works all the same.</p>}
      </div>
      {devices && devices.length > 0 && (
        <ul className="found" aria-label="Found">
          {devices.map((device) => (
            <li key={device.onvif_url}>
              <p><strong>{device.name ?? device.address}</strong> <span className="hint">{[device.hardware, device.location, device.address].filter(Boolean).join(', ')}</span></p>
              {device.error && <p className="problem">{device.error}</p>}
              {device.streams === null && !device.error && <p className="hint">Give user and password, and search again, to see its streams.</p>}
              {device.streams?.map((stream) => (
                <button key={stream.url} type="button" className="found-stream" onClick={() => onTake({ url: stream.url, name: device.name })}>
                  {stream.profile}: {[stream.width && stream.height ? `${stream.width}\u00d7${stream.height}` : null, stream.codec, stream.fps === null ? null : `${stream.fps} fps`].filter(Boolean).join(', ')}
                </button>
              ))}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
