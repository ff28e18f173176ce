// Which cameras are played in step: chosen in a list, shown when it is closed or at a press of the button.
import { useState } from 'react';
import { Popover } from '@base-ui/react/popover';
import { Switch } from '@base-ui/react/switch';
import type { CameraStatus } from '@ruth/protocol';
import { MOST_IN_STEP } from './in-step.ts';

export function CameraChooser({ cameras, chosen, onChoose }: { cameras: readonly CameraStatus[]; chosen: readonly string[]; onChoose: (cameraIds: readonly string[]) => void }) {
  const [draft, setDraft] = useState<readonly string[] | null>(null);
  const wanted = draft ?? chosen;
  const toggle = (id: string, on: boolean): void => setDraft(on ? [...wanted, id] : wanted.filter((other) => other !== id));
  const close = (): void => {
    setDraft(null);
    if (wanted.length > 0 && wanted.join() !== chosen.join()) onChoose(wanted);
  };
  return (
    <Popover.Root open={draft !== null} onOpenChange={(open) => (open ? setDraft(chosen) : close())}>
      <Popover.Trigger className="button">{chosen.length === 1 ? 'Several cameras' : `${chosen.length} cameras in step`}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={8} align="start" className="positioner">
          <Popover.Popup className="popup camera-chooser">
            <Popover.Title className="popup-title">Cameras to play in step</Popover.Title>
            <div className="camera-choices">
              {cameras.map(({ camera_id: id, name }) => {
                const isOn = wanted.includes(id);
                return (
                  <label key={id} className="toggle">
                    <span>{name}</span>
                    <Switch.Root className="switch" checked={isOn} disabled={isOn ? wanted.length === 1 : wanted.length >= MOST_IN_STEP} onCheckedChange={(checked) => toggle(id, checked)} aria-label={name}><Switch.Thumb className="switch-thumb" /></Switch.Root>
                  </label>
                );
              })}
            </div>
            <p className="hint">{wanted.length >= MOST_IN_STEP ? `No more than ${MOST_IN_STEP} play at once.` : `Up to ${MOST_IN_STEP}, on one clock.`}</p>
            <button type="button" className="button primary" onClick={close}>{wanted.length === 1 ? 'Show it' : `Show ${wanted.length} in step`}</button>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
