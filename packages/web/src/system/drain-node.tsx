// Drains a node of the site, after it was said what that means and whether the others have room; and takes that back.
import { useState } from 'react';
import { AlertDialog } from '@base-ui/react/alert-dialog';
import type { SiteInfo, SiteNodeStatus } from '@ruth/protocol';
import { failureText, send } from './api.ts';

/** It is answered when the site has heard of it. */
const CHANGE_TIMEOUT_MS = 20_000;

async function setDraining(id: string, draining: boolean): Promise<string | null> {
  const { failure } = await send<null>('PATCH', `site/nodes/${encodeURIComponent(id)}`, { draining }, { timeoutMs: CHANGE_TIMEOUT_MS });
  return failure && failureText(failure);
}

export function DrainNode({ node, site, onChanged }: { node: SiteNodeStatus; site: SiteInfo; onChanged: () => void }) {
  const { node_id: id, cameras, own_cameras: own = 0 } = node;
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const drain = async (): Promise<void> => {
    setBusy(true);
    const failed = await setDraining(id, true);
    setBusy(false);
    setProblem(failed);
    if (failed !== null) return;
    setOpen(false);
    onChanged();
  };
  const placed = cameras - own;
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => { setOpen(next); setProblem(null); }}>
      <AlertDialog.Trigger className="text-button" aria-label={`Drain ${id}`}>Drain</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop" />
        <AlertDialog.Popup className="popup dialog">
          <AlertDialog.Title className="popup-title">Drain {id}?</AlertDialog.Title>
          <AlertDialog.Description className="hint">
            {placed === 0 ? 'It has no camera of the site.' : placed === 1 ? 'Its camera of the site goes to another node, without a picture missing.' : `Its ${placed} cameras of the site go to other nodes, a few at a time, without a picture missing.`} It gets no other until you take that back.
            What it recorded stays there. {own === 1 ? 'One camera is its own' : own > 1 ? `${own} cameras are its own` : ''}{own > 0 ? ': ' : ''}{own > 0 && `${own === 1 ? 'it stands' : 'they stand'} in its ruth.yaml, and ${own === 1 ? 'is' : 'are'} not recorded while it is off.`}
          </AlertDialog.Description>
          {placed > 0 && <Room node={node} site={site} />}
          {problem && <p className="problem" role="alert">{problem}</p>}
          <div className="actions">
            <AlertDialog.Close className="button">Leave it as it is</AlertDialog.Close>
            <button type="button" className="button primary" disabled={busy} onClick={() => void drain()}>{busy ? 'Draining' : `Drain ${id}`}</button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

/** What the others have to spare, against what is to go there. Labels may forbid what there is room for: the row of the node says so then. */
function Room({ node: { node_id: self, details }, site }: { node: SiteNodeStatus; site: SiteInfo }) {
  const others = site.nodes.filter(({ node_id: id, state }) => id !== self && state === 'lives');
  const room = others.reduce((sum, { details: of }) => sum + (of ? Math.max(0, of.capacity_cores - of.used_cores) : 0), 0);
  const used = details?.used_cores ?? 0;
  if (others.length === 0) return <p className="problem">No other node lives: nothing moves until one does.</p>;
  const words = `Its cameras take ${used.toFixed(2)} cores, and ${others.length === 1 ? `${others[0]!.node_id} has` : `${others.length} other nodes have`} ${room.toFixed(2)} to spare`;
  return room >= used ? <p className="hint">{words}.</p> : <p className="problem">{words}: those that fit nowhere stay here, and go on being recorded.</p>;
}

export function UndrainNode({ id, onChanged }: { id: string; onChanged: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const undrain = async (): Promise<void> => {
    setBusy(true);
    setProblem(await setDraining(id, false));
    setBusy(false);
    onChanged();
  };
  return (
    <>
      <button type="button" className="text-button" disabled={busy} aria-label={`End draining ${id}`} onClick={() => void undrain()}>End draining</button>
      {problem && <p className="problem" role="alert">{problem}</p>}
    </>
  );
}
