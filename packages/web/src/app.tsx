// The whole page: header, notices, and the view that the address names.
import { lazy, Suspense, useSyncExternalStore } from 'react';
import { CameraTile } from './camera/camera-tile.tsx';
import { Header } from './header.tsx';
import { NoCameras } from './no-cameras.tsx';
import type { System, SystemStore } from './system/system-store.ts';
import { useView } from './view-address.ts';

const RecordingsView = lazy(async () => ({ default: (await import('./recordings/recordings-view.tsx')).RecordingsView }));

export function App({ store }: { store: SystemStore }) {
  const system = useSyncExternalStore(store.subscribe, store.snapshot);
  const view = useView();
  const cameras = system.cameras.value;
  return (
    <>
      <Header system={system} view={view} />
      <Notice system={system} />
      {cameras === null && <p className="waiting" role="status">{system.cameras.failure ? 'Waiting for the kernel, which knows the cameras' : 'Loading'}</p>}
      {cameras && (cameras.length === 0 || view.name === 'live') && (
        <main className="cameras" data-count={cameras.length}>
          {cameras.map((camera) => <CameraTile key={camera.camera_id} camera={camera} system={system} looks={store.looks} />)}
          {cameras.length === 0 && <NoCameras />}
        </main>
      )}
      {cameras && cameras.length > 0 && view.name === 'recordings' && (
        <Suspense fallback={<p className="waiting" role="status">Loading</p>}><RecordingsView cameras={cameras} view={view} /></Suspense>
      )}
    </>
  );
}

/** What is wrong with the whole, in one line; what is wrong with one camera or model stands on its tile. */
function Notice({ system }: { system: System }) {
  const text = system.server === 'offline' ? 'The server does not answer. What you see may be old; this page keeps trying.'
    : system.health?.kernel.status === 'unreachable' ? 'The kernel does not answer: no live video until it is back. This page keeps trying.'
      : system.health?.core.status === 'unreachable' ? 'The AI core does not answer: nothing is being looked at. Live video goes on.'
        : null;
  return <div role="status" aria-live="polite">{text && <p className="notice">{text}</p>}</div>;
}
