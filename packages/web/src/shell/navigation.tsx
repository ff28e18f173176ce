// The way to every view: a rail at the side, at the bottom of a phone.
import { EVERY_EVENT } from '../events/event-filter.ts';
import { addressOf, LIVE, type View, type ViewName } from '../view-address.ts';

export const VIEWS: readonly { readonly name: ViewName; readonly title: string; readonly view: View; readonly icon: string }[] = [
  { name: 'live', title: 'Live', view: LIVE, icon: 'M3 6.5h12v11H3zM15 10.5l6-3v9l-6-3' },
  { name: 'recordings', title: 'Recordings', view: { name: 'recordings', cameraId: null, atS: null }, icon: 'M12 3.5a8.5 8.5 0 1 1-8 5.6M4 4v5h5M12 8v4.5l3 2' },
  { name: 'events', title: 'Events', view: { name: 'events', filter: EVERY_EVENT, eventId: null }, icon: 'M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15zM10 21h4M12 3v2' },
  { name: 'cameras', title: 'Cameras', view: { name: 'cameras', cameraId: null, page: 'list' }, icon: 'M4 7l11-3 2 7-11 3zM6 14l-2 6M4 20h6M17 8l3-1v4' },
  { name: 'models', title: 'Models', view: { name: 'models' }, icon: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9' },
  { name: 'system', title: 'System', view: { name: 'system' }, icon: 'M4 4.5h16v6H4zM4 13.5h16v6H4zM7.5 7.5h.01M7.5 16.5h.01' },
];

export function Navigation({ view }: { view: View }) {
  return (
    <nav className="navigation" aria-label="Views">
      {VIEWS.map(({ name, title, view: target, icon }) => (
        <a key={name} href={addressOf(target)} aria-current={view.name === name ? 'page' : undefined}>
          <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d={icon} /></svg>
          {title}
        </a>
      ))}
    </nav>
  );
}
