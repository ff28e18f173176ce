// Asks and changes what a site knows. `ruth site` runs it.
//
//   node site-main.ts -c ruth.yaml status | put | remove CAMERA | drain NODE | undrain NODE
//
// `status` prints JSON; `put` reads a camera of the site as JSON from standard input: its URL may hold a password. Ends with 1 where that could not be done.
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { assertId, cameraUrlProblem, redactUrls, RuthError, SiteCamera, validator, type SiteConfig, type SiteStatus } from '@ruth/protocol';
import { createLogger, loadSettings } from '@ruth/transport';
import { SiteStore, siteOptionsOf, type Records } from './site-store.ts';

try {
  const { values, positionals: [command = 'status', id] } = parseArgs({ allowPositionals: true, options: { config: { type: 'string', short: 'c' } } });
  const { site } = loadSettings(values.config);
  if (site === null) throw new RuthError('invalid_config', 'ruth.yaml has no site: this node is by itself');
  await using store = await open(site);
  if (command === 'status') console.log(JSON.stringify(await status(store)));
  else if (command === 'put') await put(store);
  else if (command === 'remove') await store.cameras.delete(assertId(id, 'camera'));
  else if (command === 'drain') await store.drains.put(assertId(id, 'node'), { since: Date.now() / 1000 }, null);
  else if (command === 'undrain') await store.drains.delete(assertId(id, 'node'));
  else throw new RuthError('bad_request', `there is no ${command}`);
} catch (cause) {
  const error = RuthError.from(cause);
  console.error(`${redactUrls(error.message)}\n${error.advice}`);
  process.exitCode = 1;
}

function open(site: SiteConfig): Promise<SiteStore> {
  return SiteStore.open(siteOptionsOf(site, 'ruth site'), createLogger('site', 'warn'));
}

async function put(store: SiteStore): Promise<void> {
  let given: unknown;
  try {
    given = JSON.parse(await text(process.stdin));
  } catch (cause) {
    throw new RuthError('bad_request', 'standard input is no JSON', { cause });
  }
  const camera = validator(SiteCamera).parse(given);
  for (const url of [camera.camera.url, camera.camera.detect_url]) {
    const problem = url === undefined ? null : cameraUrlProblem(url);
    if (problem !== null) throw new RuthError('bad_request', `the URL of the camera ${problem}`);
  }
  await store.cameras.put(camera.camera.id, camera, null);
}

async function status(store: SiteStore): Promise<SiteStatus> {
  const [nodes, cameras, placements, outboxes, leader] = await Promise.all([all(store.nodes), all(store.cameras), all(store.placements), all(store.outboxes), store.leader.get('leader')]);
  return {
    leader: leader?.value?.node ?? null,
    nodes: Object.fromEntries([...nodes].map(([id, { revoked, draining, labels, capacity_cores: capacityCores, cameras: held }]) => [id, { state: revoked ? 'gone' : draining ? 'draining' : 'lives', cameras: Object.keys(held).length, capacity_cores: capacityCores, labels, outbox: outboxes.get(id) ?? null }])),
    cameras: Object.fromEntries([...cameras].map(([id, { camera }]) => {
      const node = placements.get(id)?.node ?? null;
      const refused = [...nodes].flatMap(([name, { revoked, refused: reasons }]) => (revoked || reasons[id] === undefined ? [] : [`${name}: ${reasons[id]}`]));
      return [id, { url: redactUrls(camera.url), node, state: node === null ? 'nowhere' : nodes.get(node)?.cameras[id]?.state ?? 'not there yet', refused: refused.length === 0 ? null : refused.join('; ') }];
    })),
  };
}

async function all<T>(records: Records<T>): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  const end = new AbortController();
  await records.watch(({ key, value }) => { if (value) found.set(key, value); }, { signal: end.signal, caughtUp: () => end.abort() });
  return found;
}
