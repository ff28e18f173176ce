// The nodes of the site, where there are several: which live, since when others are away, what each gives and is used for, which of its events the site does not have
// yet, and whether what it has can be seen here. Whoever administers drains one, or gives it cameras again.
import { isClockOff, type SiteInfo, type SiteNodeDetails, type SiteNodeStatus } from '@ruth/protocol';
import { bytesText, clockText, dateText, durationText } from '../wall-clock.ts';
import { DrainNode, UndrainNode } from './drain-node.tsx';
import type { Known } from './system-store.ts';

const STATE_WORDS: Record<SiteNodeStatus['state'], string> = { lives: 'Lives', draining: 'Is being drained', away: 'Away', unknown: 'Not known' };
const TONES: Record<SiteNodeStatus['state'], string> = { lives: 'good', draining: 'warn', away: 'bad', unknown: 'warn' };
/** What waits is told where it changes, every ten seconds at most. */
const OLD_S = 30;

export function NodesPanel({ known: { value, failure }, mayAdminister, onChanged }: { known: Known<SiteInfo>; mayAdminister: boolean; onChanged: () => void }) {
  if (value === null || (value.nodes.length < 2 && value.problem === null)) return null;
  const { node: self, nodes, problem } = value;
  return (
    <section className="panel" aria-label="Nodes">
      <h3>Nodes of the site</h3>
      {nodes.length === 0 ? <p className="problem" role="status">What the site is cannot be told: {problem}</p> : (problem ?? failure?.message) && <p className="problem" role="status">What is told here may be old: {problem ?? failure?.message}</p>}
      {nodes.length > 0 && (
        <div className="table-frame" tabIndex={0} role="group" aria-label="Table of nodes">
          <table className="stacks nodes">
            <thead><tr><th scope="col">Node</th><th scope="col">State</th><th scope="col">Cameras</th><th scope="col">Cores for cameras</th><th scope="col">Events on the way</th><th scope="col">Seen from here</th>{mayAdminister && <td />}</tr></thead>
            <tbody>{nodes.map((node) => <Row key={node.node_id} node={node} site={value} isSelf={node.node_id === self} mayAdminister={mayAdminister} onChanged={onChanged} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ node, site, isSelf, mayAdminister, onChanged }: { node: SiteNodeStatus; site: SiteInfo; isSelf: boolean; mayAdminister: boolean; onChanged: () => void }) {
  const { node_id: id, state, since, reachable, error, cameras, own_cameras: own = 0, details } = node;
  return (
    <tr data-node={id}>
      <th scope="row">{id}{isSelf && <span className="hint"> (this one)</span>}{details && Object.keys(details.labels).length > 0 && <span className="hint labels">{Object.entries(details.labels).map(([key, label]) => `${key}=${label}`).join(', ')}</span>}</th>
      <td data-tone={TONES[state]}>
        <span className="dot" aria-hidden="true" /> {STATE_WORDS[state]}{details?.leads && <span className="hint">, places the cameras</span>}
        {since !== null && <span className="hint">, heard of last {dateText(since)}, {clockText(since)}</span>}
        {details?.unclaimed && <p className="problem">{details.unclaimed.files} {details.unclaimed.files === 1 ? 'file' : 'files'} ({bytesText(details.unclaimed.bytes)}) recorded aside, since {dateText(details.unclaimed.since)}, {clockText(details.unclaimed.since)}: in no timeline until it is known who had the cameras then</p>}
        {details?.clock && isClockOff(details.clock) && <p className="problem">Its clock is {Math.abs(details.clock.ahead_s).toFixed(1)} s {details.clock.ahead_s > 0 ? 'ahead of' : 'behind'} that of NATS, and its recordings are dated by it: run NTP</p>}
        {details?.draining && <Draining draining={details.draining} isAway={state === 'away'} />}
      </td>
      <td data-label="Cameras">{cameras}{own > 0 && <span className="hint">{own === cameras ? ', its own' : `, ${own} its own`}</span>}</td>
      <td data-label="Cores for cameras">{details ? <Cores id={id} details={details} /> : '\u2013'}</td>
      <td data-label="Events on the way">{details ? <Waiting outbox={details.outbox} /> : '\u2013'}</td>
      <td data-label="Seen from here">{reachable ? 'yes' : <span className="problem">no{error ? `: ${error}` : ''}</span>}</td>
      {mayAdminister && <td>{details && <div className="row-actions">{details.draining ? <UndrainNode id={id} onChanged={onChanged} /> : <DrainNode node={node} site={site} onChanged={onChanged} />}</div>}</td>}
    </tr>
  );
}

function Draining({ draining: { cameras, left, staying }, isAway }: { draining: NonNullable<SiteNodeDetails['draining']>; isAway: boolean }) {
  const moved = cameras === null ? null : Math.max(0, cameras - left);
  return (
    <div role="status">
      {left === 0 ? 'It has no camera of the site any more.' : moved === null ? `${left} to move still` : `${moved} of ${Math.max(cameras!, left)} cameras moved`}
      {left > 0 && cameras !== null && <progress max={Math.max(cameras, left)} value={moved!} aria-label="How many cameras have moved" />}
      {left > 0 && staying !== null && !isAway && <p className="problem">No other node can take {left === 1 ? 'the last one' : 'some of them'}: {staying}. {left === 1 ? 'It stays' : 'They stay'} here, recorded, until one can.</p>}
    </div>
  );
}

function Cores({ id, details: { capacity_cores: capacity, used_cores: used, measured_cores: measured } }: { id: string; details: SiteNodeDetails }) {
  return (
    <>
      {used.toFixed(2)} of {capacity.toFixed(capacity < 10 ? 1 : 0)}<span className="hint">{used === 0 ? '' : measured === 0 ? ', not measured yet' : measured < used - 0.005 ? `, ${measured.toFixed(2)} of it measured` : ', measured'}</span>
      {capacity > 0 && <meter min={0} max={capacity} high={capacity * 0.85} value={Math.min(used, capacity)} aria-label={`Cores of ${id}: share that is used`} />}
    </>
  );
}

function Waiting({ outbox }: { outbox: SiteNodeDetails['outbox'] }) {
  if (outbox === null) return <span className="hint">nothing is told of them</span>;
  const { waiting, oldest_age_s: ageS, dropped, told_at: toldAt } = outbox;
  return (
    <>
      {waiting === 0 ? 'none waits' : <span className="problem">{waiting} wait{waiting === 1 ? 's' : ''}, the oldest for {durationText(ageS)}</span>}
      {waiting > 0 && Date.now() / 1000 - toldAt > OLD_S && <span className="hint">, as of {dateText(toldAt)}, {clockText(toldAt)}</span>}
      {dropped > 0 && <p className="problem">{dropped} lost: too many waited for too long</p>}
    </>
  );
}
