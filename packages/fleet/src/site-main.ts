// Asks and changes what a site knows. `ruth site` runs it.
//
//   node site-main.ts -c ruth.yaml status | put | remove CAMERA | drain [NODE] [--wait SECONDS] [--until-start] | undrain NODE | seal [--accept-missing] | key make|rotate|forget|show
//
// `status` prints JSON; `put` reads a camera of the site as JSON from standard input: its URL may hold a password. Ends with 1 where that could not be done.
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { assertId, redactUrls, RuthError, SiteCamera, validator, type Settings, type SiteStatus } from '@ruth/protocol';
import { createLogger, loadSettings, nodeOfSite } from '@ruth/transport';
import { SiteCameras } from './site-cameras.ts';
import { SiteDrains } from './site-drains.ts';
import { siteKeyFileOf, SiteKeys } from './site-keys.ts';
import { allOf } from './records.ts';
import { SiteStore, siteOptionsOf } from './site-store.ts';

try {
  const { values, positionals: [command = 'status', id] } = parseArgs({ allowPositionals: true, options: { config: { type: 'string', short: 'c' }, 'accept-missing': { type: 'boolean', default: false }, wait: { type: 'string' }, 'until-start': { type: 'boolean', default: false } } });
  const settings = loadSettings(values.config);
  if (settings.site === null) throw new RuthError('invalid_config', 'ruth.yaml has no site: this node is by itself');
  const keys = SiteKeys.read(siteKeyFileOf(settings));
  if (command === 'key' && id !== 'forget') changeKey(keys, id);
  else if (command === 'drain') await drain(settings.site, id ?? nodeOfSite(settings.site), values.wait, values['until-start']);
  else await inSite(settings.site, keys, command, id, values['accept-missing']);
} catch (cause) {
  const error = RuthError.from(cause);
  console.error(`${redactUrls(error.message)}\n${error.advice}`);
  process.exitCode = 1;
}

async function inSite(site: NonNullable<Settings['site']>, keys: SiteKeys, command: string, id: string | undefined, accepted: boolean): Promise<void> {
  await using store = await SiteStore.open(siteOptionsOf(site, 'ruth site'), createLogger('site', 'warn'));
  const cameras = new SiteCameras(store, () => keys);
  if (command === 'status') console.log(JSON.stringify(await status(store, keys)));
  else if (command === 'put') await put(cameras, keys);
  else if (command === 'remove') {
    await cameras.remove(assertId(id, 'camera'), null);
    console.log(`${id} is no camera of the site any more; what was recorded stays where it is`);
  } else if (command === 'undrain') {
    await new SiteDrains(store).undrain(assertId(id, 'node'));
    console.log(`${id} may have cameras again`);
  }
  else if (command === 'key') await forgetKeys(store, keys);
  else if (command === 'seal') tellSealed(await cameras.sealAll({ accepted }));
  else throw new RuthError('bad_request', `there is no ${command}`);
}

async function drain(site: NonNullable<Settings['site']>, id: string, wait: string | undefined, untilStart: boolean): Promise<void> {
  const [node, seconds] = [assertId(id, 'node'), Number(wait ?? 0)];
  if (!(seconds >= 0)) throw new RuthError('bad_request', `--wait ${wait} is no number of seconds`);
  await using store = await SiteStore.open(siteOptionsOf(site, 'ruth site'), createLogger('site', 'warn'));
  const drains = new SiteDrains(store);
  await drains.drain(node, { untilStart });
  if (wait === undefined) return console.log(`${node} gives its cameras to other nodes, as far as they have room, and gets none; how far that is: ruth site status`);
  const left = await drains.emptied(node, seconds);
  if (left.length > 0) throw new RuthError('invalid_state', `${node} still has ${left.length === 1 ? 'a camera that no other node took' : `${left.length} cameras that no other node took`}: ${left.slice(0, 8).join(', ')}`);
  console.log(`${node} has no cameras of the site any more, and gets none: it may be ended`);
}

/** Needs no NATS: the key never goes there. */
function changeKey(keys: SiteKeys, how: string | undefined): void {
  if (how === 'make') console.log(`${keys.make().path} is the key of the site (${SiteKeys.read(keys.path).ids[0]}). Bring the file to every node of the site, its owner's alone, and keep a copy apart from NATS: without it credentials of cameras have to be given anew`);
  else if (how === 'rotate') console.log(`${keys.rotate().path} has a new key (${SiteKeys.read(keys.path).ids[0]}); those before open what they sealed. Bring the file to every node, then: ruth site seal, and when all is sealed anew: ruth site key forget`);
  else if (how === 'show') console.log(keys.ids.length === 0 ? `there is no key in ${keys.path}` : `${keys.path}: ${keys.ids[0]} seals${keys.ids.length === 1 ? '' : `, ${keys.ids.slice(1).join(', ')} still open`}`);
  else throw new RuthError('bad_request', `there is no key ${how ?? ''}`);
}

/** Throws `invalid_state` where something is sealed with one that would be forgotten. */
async function forgetKeys(store: SiteStore, keys: SiteKeys): Promise<void> {
  const needing = [...await allOf(store.cameras)].filter(([, { value }]) => keys.credentialsOf(value) === 'older_key').map(([id]) => id);
  if (needing.length > 0) throw new RuthError('invalid_state', `${needing.length === 1 ? 'a camera is' : `${needing.length} cameras are`} sealed with a key that would be forgotten (${needing.slice(0, 8).join(', ')}): ruth site seal first`);
  console.log(`${keys.path} has the key ${keys.forget().ids[0] ?? 'of nobody'} alone now. Bring the file to every node: what the others sealed opens no more`);
}

async function put(cameras: SiteCameras, keys: SiteKeys): Promise<void> {
  let given: unknown;
  try {
    given = JSON.parse(await text(process.stdin));
  } catch (cause) {
    throw new RuthError('bad_request', 'standard input is no JSON', { cause });
  }
  const camera = validator(SiteCamera).parse(given);
  await cameras.put(camera, null);
  const without = keys.credentialsOf(camera) === 'none' ? [] : await cameras.nodesWithoutKey();
  if (without.length > 0) console.error(`these nodes do not have the key ${keys.ids[0]}, and cannot take it: ${without.join(', ')}. Bring ${keys.path} there`);
}

function tellSealed({ sealed, left }: { sealed: string[]; left: string[] }): void {
  console.log(sealed.length === 0 ? 'nothing is to be sealed' : `sealed with the newest key: ${sealed.join(', ')}`);
  if (left.length === 0) return;
  console.error(`left as they are, for somebody changed them meanwhile, or their key is not here: ${left.join(', ')}`);
  process.exitCode = 1;
}

async function status(store: SiteStore, keys: SiteKeys): Promise<SiteStatus> {
  const [nodes, cameras, placements, outboxes, leader] = await Promise.all([allOf(store.nodes), allOf(store.cameras), allOf(store.placements), allOf(store.outboxes), store.leader.get('leader')]);
  return {
    leader: leader?.value?.node ?? null, key_ids: keys.ids,
    nodes: Object.fromEntries([...nodes].map(([id, { value: { revoked, draining, labels, capacity_cores: capacityCores, cameras: held, key_ids: keyIds = [], unclaimed = null, clock = null } }]) => [id, {
      state: revoked ? 'gone' : draining ? 'draining' : 'lives', cameras: Object.keys(held).length, capacity_cores: capacityCores, labels, outbox: outboxes.get(id)?.value ?? null, unclaimed, clock, key_ids: keyIds,
    }])),
    cameras: Object.fromEntries([...cameras].map(([id, { value: camera }]) => {
      const node = placements.get(id)?.value.node ?? null;
      const refused = [...nodes].flatMap(([name, { value: { revoked, refused: reasons } }]) => (revoked || reasons[id] === undefined ? [] : [`${name}: ${reasons[id]}`]));
      return [id, {
        url: redactUrls(camera.camera.url), node, state: node === null ? 'nowhere' : nodes.get(node)?.value.cameras[id]?.state ?? 'not there yet', refused: refused.length === 0 ? null : refused.join('; '),
        credentials: keys.credentialsOf(camera),
      }];
    })),
  };
}
