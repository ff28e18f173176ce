// The nodes of the site, where there are several: which live, since when others are away, how many cameras each has, and whether what it has can be seen here.
import type { SiteInfo } from '@ruth/protocol';
import { clockText, dateText } from '../wall-clock.ts';
import type { Known } from './system-store.ts';

type Node = SiteInfo['nodes'][number];
const STATE_WORDS: Record<Node['state'], string> = { lives: 'Lives', draining: 'Is being drained', away: 'Away', unknown: 'Not known' };
const TONES: Record<Node['state'], string> = { lives: 'good', draining: 'warn', away: 'bad', unknown: 'warn' };

export function NodesPanel({ known: { value } }: { known: Known<SiteInfo> }) {
  if (value === null || (value.nodes.length < 2 && value.problem === null)) return null;
  if (value.nodes.length === 0) return <section className="panel" aria-label="Nodes"><h3>Nodes of the site</h3><p className="problem" role="status">What the site is cannot be told: {value.problem}</p></section>;
  return (
    <section className="panel" aria-label="Nodes">
      <h3>Nodes of the site</h3>
      {value.problem && <p className="problem" role="status">What is told here may be old: {value.problem}</p>}
      <div className="table-frame" tabIndex={0} role="group" aria-label="Table of nodes">
        <table className="stacks">
          <thead><tr><th scope="col">Node</th><th scope="col">State</th><th scope="col">Cameras</th><th scope="col">Seen from here</th></tr></thead>
          <tbody>
            {value.nodes.map(({ node_id: id, state, since, reachable, error, cameras }) => (
              <tr key={id} data-node={id}>
                <th scope="row">{id}{id === value.node && <span className="hint"> (this one)</span>}</th>
                <td data-tone={TONES[state]}><span className="dot" aria-hidden="true" /> {STATE_WORDS[state]}{since !== null && <span className="hint">, heard of last {dateText(since)}, {clockText(since)}</span>}</td>
                <td data-label="Cameras">{cameras}</td>
                <td data-label="Seen from here">{reachable ? 'yes' : <span className="problem">no{error ? `: ${error}` : ''}</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
