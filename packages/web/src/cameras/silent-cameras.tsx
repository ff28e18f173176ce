// What sends nothing as lists that are read at a glance: a line for each camera, under why it is so and what helps.
import { addressOf } from '../view-address.ts';
import { RemoveCamera } from './remove-camera.tsx';
import { STATE_WORDS, TONES } from './camera-states.ts';
import type { SilentGroup } from './silent-groups.ts';

export function SilentCameras({ groups, mayAdminister, onRemoved }: { groups: readonly SilentGroup[]; mayAdminister: boolean; onRemoved: () => void }) {
  return groups.map(({ code, title, advice, cameras }) => (
    <section className="panel silent" key={code} aria-label={title}>
      <h3>{title}</h3>
      {advice && <p className="hint">{advice}</p>}
      <ul>
        {cameras.map(({ camera_id: id, name, url, note, node, state, last_error: error }) => (
          <li key={id} data-camera-id={id} data-tone={TONES[state]}>
            <span className="dot" aria-hidden="true" />
            <span className="silent-words">
              <a href={addressOf({ name: 'live', cameraId: id })}>{name}</a>
              <span className="silent-state">{STATE_WORDS[state]}</span>
              <span className="hint">{[error?.message ?? url, note, node && `node ${node}`].filter(Boolean).join(' \u00b7 ')}</span>
            </span>
            <span className="silent-actions">
              <a className="text-button" href={addressOf({ name: 'cameras', cameraId: id, page: 'settings' })} aria-label={`Settings of ${name}`}>Settings</a>
              {mayAdminister && <RemoveCamera id={id} name={name} onRemoved={onRemoved} />}
            </span>
          </li>
        ))}
      </ul>
    </section>
  ));
}
