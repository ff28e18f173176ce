// How many more cameras this machine carries, what of it ends first, and by what was measured.
import type { Capacity, CapacityResource, SystemStatus } from '@ruth/protocol';
import { bytesText, durationText } from '../wall-clock.ts';
import type { Known } from './system-store.ts';

const KIND_WORDS: Record<CapacityResource['kind'], string> = { cpu: 'CPU', memory: 'Memory', model: 'Model', disk_writes: 'Writing to the disk', disk_space: 'Room on the disk' };

export function CapacityPanel({ known: { value, failure }, names }: { known: Known<SystemStatus>; names: ReadonlyMap<string, string> }) {
  // An older server knows nothing of it.
  if (value === null && failure?.code === 'not_found') return null;
  return (
    <section className="panel" aria-label="Capacity">
      <h3>Room for more cameras</h3>
      {value === null ? <p className={failure ? 'problem' : 'hint'}>{failure ? `It is not known: ${failure.message}` : 'Loading'}</p>
        : value.capacity === null ? <p className="hint">Nobody measures it on this node{value.capacity_error ? `: ${value.capacity_error}` : ''}.</p> : <Room capacity={value.capacity} names={names} />}
      {value && <p className="hint">Ruth {value.version}, Node {value.node_version}, {value.platform}, {value.cores} {value.cores === 1 ? 'core' : 'cores'}, {bytesText(value.memory_bytes)} of memory.</p>}
    </section>
  );
}

function Room({ capacity: { more_cameras: more, limited_by: limit, message, resources, over_s: overS, cameras }, names }: { capacity: Capacity; names: ReadonlyMap<string, string> }) {
  return (
    <>
      <p className="room">{more === null ? 'It cannot be told yet' : more === 0 ? 'No room for another camera' : `Room for about ${more} more ${more === 1 ? 'camera' : 'cameras'}`}</p>
      <p className="first-upper">{message}</p>
      {resources.length > 0 && (
        <div className="table-frame" tabIndex={0} role="group" aria-label="Table of what a camera takes">
          <table className="capacity stacks">
            <caption className="hidden-words">What is used, and what a camera takes on average</caption>
            <thead><tr><th scope="col">Of</th><th scope="col">Used</th><td /><th scope="col">One camera takes</th><th scope="col">Enough for</th></tr></thead>
            <tbody>
              {resources.map((resource, index) => {
                const { kind, name, used, usable, per_camera: perCamera, more_cameras: enough, message: words } = resource;
                const title = name === null ? KIND_WORDS[kind] : names.get(name) ?? name;
                return (
                  <tr key={`${kind} ${name}`} data-limits={index === limit}>
                    <th scope="row">{title}</th>
                    <td data-label="Used">{used === null ? '\u2013' : usable === null ? amountText(resource, used) : `${amountText(resource, used, false)} of ${amountText(resource, usable)}`}</td>
                    <td>{used !== null && usable !== null && usable > 0 && <meter min={0} max={usable} high={usable * 0.85} value={used} aria-label={`${title}: share that is used`} />}</td>
                    <td data-label="One camera takes">{perCamera === null ? '\u2013' : amountText(resource, perCamera)}</td>
                    <td data-label={enough === null ? undefined : 'Enough for'}>{enough === null ? <span className="hint">{words}</span> : `${enough} more${index === limit ? ', ends first' : ''}`}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {overS > 0 && <p className="hint">Measured over {durationText(overS)} with {cameras} {cameras === 1 ? 'camera that streams' : 'cameras that stream'}. Left free for peaks: 15 % of CPU and of the disk{'\u2019'}s time, 10 % of memory.</p>}
    </>
  );
}

function amountText({ kind, unit }: CapacityResource, amount: number, withUnit = true): string {
  if (kind === 'memory') return bytesText(amount);
  if (kind === 'disk_space') return `${bytesText(amount)}${withUnit ? ' a day' : ''}`;
  if (kind === 'disk_writes') return `${(amount * 100).toFixed(amount < 0.1 ? 1 : 0)} %`;
  return `${amount.toFixed(amount < 10 ? 2 : 0)}${withUnit ? ` ${unit}` : ''}`;
}
