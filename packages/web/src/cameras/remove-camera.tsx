// Removes a camera, after it was said what that means.
import { useState } from 'react';
import { AlertDialog } from '@base-ui/react/alert-dialog';
import { removeCamera } from './camera-api.ts';

export function RemoveCamera({ id, name, onRemoved }: { id: string; name: string; onRemoved: () => void }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async (): Promise<void> => {
    setBusy(true);
    const { failure } = await removeCamera(id);
    setBusy(false);
    setProblem(failure && `${failure.message}${failure.advice ? `. ${failure.advice}` : ''}`);
    if (failure) return;
    setOpen(false);
    onRemoved();
  };
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => { setOpen(next); setProblem(null); }}>
      <AlertDialog.Trigger className="text-button danger" aria-label={`Remove ${name}`}>Remove</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="popup dialog">
          <AlertDialog.Title className="popup-title">Remove {name}?</AlertDialog.Title>
          <AlertDialog.Description className="hint">It is not shown, recorded or looked at any more, and its address, zones, rules and subscriptions are taken out of ruth.yaml, or out of the site. What it recorded stays until its age or size is reached.</AlertDialog.Description>
          {problem && <p className="problem" role="alert">{problem}</p>}
          <div className="actions">
            <AlertDialog.Close className="button">Keep it</AlertDialog.Close>
            <button type="button" className="button danger" disabled={busy} onClick={() => void remove()}>{busy ? 'Removing' : `Remove ${name}`}</button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
