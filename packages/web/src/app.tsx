// The whole page: header, notices, the way to the views, and the view that the address names.
import { lazy, useEffect, useRef, useSyncExternalStore } from 'react';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { CameraFocus } from './camera/camera-focus.tsx';
import { CameraGrid } from './grid/camera-grid.tsx';
import { Header } from './shell/header.tsx';
import { Navigation, VIEWS } from './shell/navigation.tsx';
import { NoCameras } from './shell/no-cameras.tsx';
import { Unknown, Waiting } from './shell/states.tsx';
import { ViewBoundary } from './shell/view-boundary.tsx';
import { notAskedText } from './system/not-asked.ts';
import type { System, SystemStore } from './system/system-store.ts';
import { useSession } from './session.ts';
import { addressOf, useView, type View } from './view-address.ts';

const RecordingsView = lazy(async () => ({ default: (await import('./recordings/recordings-view.tsx')).RecordingsView }));
const EventsView = lazy(async () => ({ default: (await import('./events/events-view.tsx')).EventsView }));
const CamerasView = lazy(async () => ({ default: (await import('./cameras/cameras-view.tsx')).CamerasView }));
const WelcomeView = lazy(async () => ({ default: (await import('./welcome/welcome-view.tsx')).WelcomeView }));
const PeopleView = lazy(async () => ({ default: (await import('./people/people-view.tsx')).PeopleView }));
const ModelsView = lazy(async () => ({ default: (await import('./models/models-view.tsx')).ModelsView }));
const SystemView = lazy(async () => ({ default: (await import('./system/system-view.tsx')).SystemView }));

export function App({ store }: { store: SystemStore }) {
  const system = useSyncExternalStore(store.subscribe, store.snapshot);
  const view = useView();
  const content = useRef<HTMLDivElement>(null);
  useEffect(() => { document.title = `${VIEWS.find(({ name }) => name === view.name)?.title ?? (view.name === 'people' ? 'People' : 'Welcome')} \u00b7 Ruth`; }, [view.name]);
  return (
    // The server's Content-Security-Policy forbids styles that are written into the page.
    <CSPProvider disableStyleElements>
      <Header system={system} onSkip={() => content.current!.focus()} />
      <div className="frame">
        <Navigation view={view} />
        <div className="content" ref={content} tabIndex={-1}>
          <Notice system={system} />
          <FirstRunNotice view={view} />
          <ViewBoundary key={view.name}><Content view={view} system={system} store={store} /></ViewBoundary>
        </div>
      </div>
    </CSPProvider>
  );
}

function Content({ view, system, store }: { view: View; system: System; store: SystemStore }) {
  if (view.name === 'models') return <ModelsView system={system} store={store} />;
  if (view.name === 'people') return <PeopleView page={view.page} cameraIds={(system.cameras.value ?? []).map(({ camera_id }) => camera_id)} />;
  if (view.name === 'welcome') return <WelcomeView system={system} store={store} />;
  if (view.name === 'cameras') return <CamerasView view={view} system={system} store={store} />;
  if (view.name === 'system') return <SystemView system={system} />;
  const { value: cameras, failure } = system.cameras;
  if (view.name === 'events') return <EventsView view={view} cameras={cameras ?? []} />;
  if (cameras === null) return failure ? <Unknown what="The cameras are not known yet" failure={failure} /> : <Waiting words="Loading" />;
  if (cameras.length === 0) return <main className="cameras" data-count="0"><NoCameras /></main>;
  if (view.name === 'recordings') return <RecordingsView cameras={cameras} view={view} />;
  const camera = cameras.find(({ camera_id }) => camera_id === view.cameraId);
  if (camera) return <CameraFocus key={camera.camera_id} camera={camera} atS={view.name === 'live' ? view.atS ?? null : null} system={system} store={store} />;
  return <CameraGrid cameras={cameras} system={system} store={store} />;
}

/** While the password is still the one that was printed. */
function FirstRunNotice({ view }: { view: View }) {
  const session = useSession();
  if (!session?.one_time_password || view.name === 'welcome') return null;
  return <aside className="notice first-run" aria-label="First run">You have no password of your own yet. <a href={addressOf({ name: 'welcome' })}>Set up this node</a></aside>;
}

/** What is wrong with the whole, in one line; what is wrong with one camera or model stands on its tile. */
function Notice({ system }: { system: System }) {
  const text = system.server === 'offline' ? 'The server does not answer. What you see may be old; this page keeps trying.'
    : system.health?.kernel.status === 'unreachable' ? 'The kernel does not answer: no live video until it is back. This page keeps trying.'
      : system.health?.core.status === 'unreachable' ? 'The AI core does not answer: nothing is being looked at, and no event comes of it. Live video and recording go on, and Ruth starts it again by itself.'
        : system.cameras.notAsked ? `Cameras may be missing here: ${notAskedText(system.cameras.notAsked)}. This page keeps trying.`
          : null;
  return <div role="status" aria-live="polite">{text && <p className="notice">{text}</p>}</div>;
}
