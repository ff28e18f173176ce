// The way to every view: a rail at the side, at the bottom of a phone.
import { addressOf, LIVE, type View, type ViewName } from '../view-address.ts';

export const VIEWS: readonly { readonly name: ViewName; readonly title: string; readonly view: View; readonly icon: string }[] = [
  { name: 'live', title: 'Live', view: LIVE, icon: 'M3 6.5h12v11H3zM15 10.5l6-3v9l-6-3' },
  { name: 'recordings', title: 'Recordings', view: { name: 'recordings', cameraId: null, atS: null }, icon: 'M12 3.5a8.5 8.5 0 1 1-8 5.6M4 4v5h5M12 8v4.5l3 2' },
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
