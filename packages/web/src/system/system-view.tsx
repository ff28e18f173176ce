// The node: its processes as the tree that they are, why they ended, room for more cameras, the disk, whether what is on it is whole, what was dropped where and why, and where the time of looks goes.
import { useEffect, useState } from 'react';
import type { LookLatencies, SiteInfo, StorageStatus, SupervisedProcessStatus, SystemStatus } from '@ruth/protocol';
import { useMay } from '../session.ts';
import { Waiting } from '../shell/states.tsx';
import { bytesText, clockText, dateText, durationText } from '../wall-clock.ts';
import { CapacityPanel } from './capacity-panel.tsx';
import { DiskPanel } from './disk-panel.tsx';
import { CAUSE_WORDS, dropSums } from './drop-sums.ts';
import { LATENCIES_EVERY_MS, LatencyPanel } from './latency-panel.tsx';
import { NodesPanel } from './nodes-panel.tsx';
import { alikeEnds, processTree, type ProcessNode } from './process-tree.ts';
import type { System } from './system-store.ts';
import { SERVER_UNREACHABLE } from './api.ts';
import { usePolled } from './use-polled.ts';
import { VerificationPanel } from './verification-panel.tsx';
import '../styles/tables.css';

const ASK_EVERY_MS = 3000;
const STATUS_EVERY_MS = 10_000;

export function SystemView({ system }: { system: System }) {
  const processes = usePolled<SupervisedProcessStatus[]>('processes', ASK_EVERY_MS);
  const storage = usePolled<StorageStatus>('storage', ASK_EVERY_MS);
  const status = usePolled<SystemStatus>('system', STATUS_EVERY_MS);
  const latencies = usePolled<LookLatencies>('latencies', LATENCIES_EVERY_MS);
  const mayOperate = useMay('operate');
  const mayAdminister = useMay('administer');
  const [siteRound, setSiteRound] = useState(0);
  const [siteEveryMs, setSiteEveryMs] = useState(STATUS_EVERY_MS);
  const site = usePolled<SiteInfo>('site', siteEveryMs, siteRound);
  const moves = site.value?.nodes.some(({ details }) => (details?.draining?.left ?? 0) > 0) ?? false;
  useEffect(() => setSiteEveryMs(moves ? ASK_EVERY_MS : STATUS_EVERY_MS), [moves]);
  const all = system.cameras.value ?? [];
  // This view is of one node: what others have, or nobody, is no process of its kernel, and fills no disk here.
  const self = site.value?.node ?? null;
  const cameras = self === null ? all.filter(({ node }) => node === undefined) : all.filter(({ node }) => node === self);
  const names = new Map((system.models.value ?? []).map(({ model_id, model_name }) => [model_id, model_name ?? model_id]));
  if (processes.value === null && processes.failure === null) return <Waiting words="Loading" />;
  // While the server itself does not answer, what it said last stays.
  const isOffline = processes.failure?.code === SERVER_UNREACHABLE;
  const supervised = processes.failure && !isOffline ? null : processes.value;
  const tree = processTree(supervised, cameras, system.health);
  const drops = dropSums(all, system.subscriptions.value ?? []);
  return (
    <main className="page-view">
      <h2 className="view-title">System</h2>
      {system.health?.store?.state === 'failing' && <p className="problem" role="status">Events, people and sessions cannot be read or kept: {system.health.store.message}. Recording and live video go on; events wait in core, and are kept in order once the store answers.</p>}
      <section className="panel" aria-label="Processes">
        <h3>Processes</h3>
        {supervised === null && !isOffline && <p className="hint">No supervisor answers on this node: restarts, memory and CPU time are known to whatever watches its processes instead. This is what the parts say of themselves.</p>}
        <div className="table-frame" tabIndex={0} role="group" aria-label="Table of processes">
          <table className="processes stacks">
            <thead><tr><th scope="col">Process</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">Restarts</th><th scope="col">Memory</th><th scope="col">CPU time</th></tr></thead>
            <tbody>{tree.flatMap((node) => [<ProcessRow key={node.name} node={node} depth={0} />, ...node.children.map((child) => <ProcessRow key={child.name} node={child} depth={1} />)])}</tbody>
          </table>
        </div>
      </section>
      <NodesPanel known={site} mayAdminister={mayAdminister} onChanged={() => setSiteRound((before) => before + 1)} />
      <CapacityPanel known={status} names={names} />
      <Ends tree={tree} isKnown={supervised !== null} />
      <DiskPanel storage={storage} cameras={cameras} />
      {mayOperate && storage.value !== null && storage.value.state !== 'off' && <VerificationPanel cameras={cameras} />}
      <section className="panel" aria-label="Drops">
        <h3>What was dropped, and why</h3>
        {drops.length === 0 ? <p className="hint">{system.cameras.value === null || system.subscriptions.value === null ? 'It is not known: what counts it does not answer.' : 'Nothing since the processes started.'}</p> : (
          <div className="table-frame" tabIndex={0} role="group" aria-label="Table of drops">
            <table className="stacks">
              <thead><tr><th scope="col">What</th><th scope="col">Why</th><th scope="col">How many</th><th scope="col">Where most</th></tr></thead>
              <tbody>{drops.map(({ where, cause, count, cameras: names }) => <tr key={`${where} ${cause}`}><th scope="row">{where}</th><td>{cause}{CAUSE_WORDS.has(cause) && <span className="hint">: {CAUSE_WORDS.get(cause)}</span>}</td><td data-label="How many">{count}</td><td data-label="Where most">{names.slice(0, 3).join(', ')}{names.length > 3 ? ` and ${names.length - 3} more` : ''}</td></tr>)}</tbody>
            </table>
          </div>
        )}
      </section>
      <LatencyPanel known={latencies} names={names} />
    </main>
  );
}

function ProcessRow({ node, depth }: { node: ProcessNode; depth: number }) {
  return (
    <tr data-process={node.name} data-depth={depth}>
      <th scope="row">{node.name}{node.pid !== null && <span className="pid"> {node.pid}</span>}</th>
      <td data-tone={node.tone}><span className="dot" aria-hidden="true" /> {node.state}{node.reason && <span className="hint">: {node.reason}</span>}</td>
      <td data-label="For">{node.since === null ? '\u2013' : `${durationText(Date.now() / 1000 - node.since)}`}</td>
      <td data-label="Restarts">{node.restarts ?? '\u2013'}</td>
      <td data-label="Memory">{node.residentBytes === null ? '\u2013' : bytesText(node.residentBytes)}</td>
      <td data-label="CPU time">{node.cpuS === null ? '\u2013' : durationText(node.cpuS)}</td>
    </tr>
  );
}

const SHOWN_ENDS = 20;

function Ends({ tree, isKnown }: { tree: readonly ProcessNode[]; isKnown: boolean }) {
  const ends = alikeEnds(tree).slice(0, SHOWN_ENDS);
  return (
    <section className="panel" aria-label="Ends of processes">
      <h3>Processes that ended</h3>
      {ends.length === 0 ? <p className="hint">{isKnown ? 'None since the node was started.' : 'It is not known: nobody who watches the processes answers.'}</p> : (
        <ul className="ends">{ends.map(({ name, at, reason, times, firstAt }) => <li key={`${name} ${reason}`}><time>{dateText(at)}, {clockText(at)}</time><strong>{name}</strong><span>{reason}</span>{times > 1 && <span className="hint">{times} times since {dateText(firstAt)}, {clockText(firstAt)}</span>}</li>)}</ul>
      )}
    </section>
  );
}
