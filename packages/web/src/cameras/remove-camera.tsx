// Removes a camera, after it was said what that means.
import { useState } from 'react';
import { AlertDialog } from '@base-ui/react/alert-dialog';
import type { NodeCamera } from '@ruth/protocol';
import { failureText } from '../system/api.ts';
import { cameraSettings, removeCamera } from './camera-api.ts';

/** What it is like is asked for when somebody wants to remove it: that is what they then remove, and nothing that somebody else changed meanwhile. */
export function RemoveCamera({ id, name, onRemoved }: { id: string; name: string; onRemoved: () => void }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [camera, setCamera] = useState<NodeCamera | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const look = async (): Promise<void> => {
    setCamera(null);
    const { value, failure } = await cameraSettings(id);
    setCamera(value);
    setProblem(failure && failureText(failure));
  };
  const remove = async (): Promise<void> => {
    setBusy(true);
    const { failure } = await removeCamera(camera!);
    setBusy(false);
    setProblem(failure && failureText(failure));
    if (failure) return failure.code === 'conflict' ? setCamera(null) : undefined;
    setOpen(false);
    onRemoved();
  };
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => { setOpen(next); setProblem(null); if (next) void look(); }}>
      <AlertDialog.Trigger className="text-button danger" aria-label={`Remove ${name}`}>Remove</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="popup dialog">
          <AlertDialog.Title className="popup-title">Remove {name}?</AlertDialog.Title>
          <AlertDialog.Description className="hint">It is not shown, recorded or looked at any more, and its address, zones, rules and subscriptions are taken out of {camera === null ? 'its settings' : camera.site ? 'the site' : 'ruth.yaml'}. What it recorded stays until its age or size is reached.</AlertDialog.Description>
          {problem && <p className="problem" role="alert">{problem}</p>}
          <div className="actions">
            <AlertDialog.Close className="button">Keep it</AlertDialog.Close>
            <button type="button" className="button danger" disabled={busy || camera === null} onClick={() => void remove()}>{busy ? 'Removing' : `Remove ${name}`}</button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
