// What the broker is told of how each camera stands, in retained topics; and an event as a message. Pure: events in, messages out.
import type { AlertClearedEvent, AlertRaisedEvent, CoreEvent, KernelEvent, StoredEvent, TrackEvent } from '@ruth/protocol';

export interface MqttMessage { readonly topic: string; readonly payload: string | Buffer; readonly retain: boolean }

/** What cannot be known, a count or a state; Home Assistant reads it so. */
export const UNKNOWN = 'None';

interface Followed { readonly model: string; readonly className: string; readonly moving: boolean; readonly sinceS: number }

/** Of names that may hold anything, in a topic. */
export const topicPart = (text: string): string => text.replaceAll(/[^A-Za-z0-9_-]/g, '_');

const baseOf = (prefix: string, cameraId: string): string => `${prefix}/cameras/${cameraId}`;

/** An event of a camera, as it was stored: `event_id` tells one that comes twice. */
export function eventMessageOf(prefix: string, { event_id, node, camera_id: camera, type, event }: Pick<StoredEvent, 'event_id' | 'node' | 'camera_id' | 'type' | 'event'>): MqttMessage {
  return { topic: `${baseOf(prefix, camera!)}/events`, payload: JSON.stringify({ event_type: type, event_id, ...(node !== undefined && { node }), ...event }), retain: false };
}

/** What is known of one camera, and what of it was said already. */
export class CameraTopics {
  readonly cameraId: string;
  readonly #base: string;
  readonly #tracks = new Map<string, Followed>();
  readonly #said = new Map<string, string>();
  /** When what is said of a zone or rule was so, UTC seconds. */
  readonly #knownAt = new Map<string, number>();
  /** Classes, zones and rules that there is something to say of. */
  readonly classes = new Set<string>(['person']);
  readonly zones = new Set<string>();
  readonly rules = new Set<string>();

  constructor(prefix: string, cameraId: string) {
    this.cameraId = cameraId;
    this.#base = baseOf(prefix, cameraId);
  }

  topic(name: string): string { return `${this.#base}/${name}`; }

  /** What there is to say of how it stands now that this happened: nothing twice. */
  take(event: CoreEvent | KernelEvent): MqttMessage[] {
    switch (event.type) {
      case 'track.started': case 'track.updated': this.#follow(event); break;
      case 'track.ended': this.#tracks.delete(keyOf(event)); break;
      case 'camera.up': return this.status(true);
      case 'camera.down':
        // Nobody looks: what was seen last is not what there is.
        this.#tracks.clear();
        return this.#changed([['status', 'offline'], ...this.#unknown()]);
      case 'occupancy':
        this.zones.add(event.zone);
        this.#knownAt.set(`zones/${topicPart(event.zone)}`, event.at);
        return this.#changed([[`zones/${topicPart(event.zone)}`, event.count === null ? UNKNOWN : String(event.count)]]);
      case 'alert.raised': case 'alert.cleared':
        this.rules.add(event.rule);
        this.#knownAt.set(`rules/${topicPart(event.rule)}`, event.at);
        return this.#changed([[`rules/${topicPart(event.rule)}`, stateOf(event)]]);
      default: return [];
    }
    return this.#changed(this.#counts());
  }

  /** A model is away: what it saw last is not what there is. */
  forgetModel(model: string): MqttMessage[] {
    const before = this.#tracks.size;
    for (const [key, track] of this.#tracks) if (track.model === model) this.#tracks.delete(key);
    return before === this.#tracks.size ? [] : this.#changed(this.#counts());
  }

  /** Somebody looks: what was not told is not there. */
  lookedAt(): MqttMessage[] { return this.#changed(this.#counts()); }

  /** Core began anew: what the one before it told is not what there is. */
  beganAnew(sinceS: number): MqttMessage[] {
    const before = this.#tracks.size;
    for (const [key, track] of this.#tracks) if (track.sinceS < sinceS) this.#tracks.delete(key);
    const old = [...this.#knownAt].filter(([, atS]) => atS < sinceS).map(([name]): [string, string] => [name, UNKNOWN]);
    return this.#changed([...old, ...(before === this.#tracks.size ? [] : this.#counts())]);
  }

  /** A state that the broker holds, which this server never said: as it is now, as far as that can be told. */
  found(name: string, isLookedAt: boolean): MqttMessage[] {
    if (this.#said.has(name)) return [];
    const [kind] = name.split('/');
    if (kind !== 'objects' && kind !== 'zones' && kind !== 'rules' && kind !== 'motion') return [];
    const known = kind === 'objects' ? '0' : kind === 'zones' ? UNKNOWN : 'OFF';
    return this.#changed([[name, isLookedAt ? known : UNKNOWN]]);
  }

  /** Nobody has the camera at the moment. */
  away(): MqttMessage[] {
    this.#tracks.clear();
    return this.#changed([['status', 'offline'], ...this.#unknown(), ...[...this.rules].map((rule): [string, string] => [`rules/${topicPart(rule)}`, UNKNOWN])]);
  }

  /** Whether anything was said of it. */
  get isSaid(): boolean { return this.#said.size > 0; }

  /** Whether that is what was said of it. */
  saidStatus(payload: string): boolean { return this.#said.get('status') === payload; }

  status(online: boolean): MqttMessage[] { return this.#changed([['status', online ? 'online' : 'offline']]); }

  /** All that stands, for a broker that knows nothing. */
  standing(): MqttMessage[] { return [...this.#said].map(([name, payload]) => ({ topic: this.topic(name), payload, retain: true })); }

  /** Taken back, for a camera that is gone. */
  cleared(): MqttMessage[] { return [...this.#said.keys(), 'snapshot'].map((name) => ({ topic: this.topic(name), payload: '', retain: true })); }

  #follow(event: TrackEvent): void {
    const { track, model_id: model } = event;
    this.classes.add(track.class_name);
    this.#tracks.set(keyOf(event), { model, className: track.class_name, moving: track.stationary !== true, sinceS: track.first_seen });
  }

  /** Two models may see the same: of each class the one counts that sees most. */
  #counts(): [name: string, payload: string][] {
    const byClass = new Map<string, Map<string, number>>([...this.classes].map((name) => [name, new Map()]));
    let moving = false;
    for (const track of this.#tracks.values()) {
      const byModel = byClass.get(track.className)!;
      byModel.set(track.model, (byModel.get(track.model) ?? 0) + 1);
      moving ||= track.moving;
    }
    return [...[...byClass].map(([name, byModel]): [string, string] => [`objects/${topicPart(name)}`, String(Math.max(0, ...byModel.values()))]), ['motion', moving ? 'ON' : 'OFF']];
  }

  #unknown(): [string, string][] { return [...[...this.classes].map((name): [string, string] => [`objects/${topicPart(name)}`, UNKNOWN]), ...[...this.zones].map((zone): [string, string] => [`zones/${topicPart(zone)}`, UNKNOWN]), ['motion', UNKNOWN]]; }

  #changed(values: readonly (readonly [name: string, payload: string])[]): MqttMessage[] {
    return values.filter(([name, payload]) => this.#said.get(name) !== payload).map(([name, payload]) => {
      this.#said.set(name, payload);
      return { topic: this.topic(name), payload, retain: true };
    });
  }
}

/** That a rule could not be followed to its end is not that it ended. */
const stateOf = (event: AlertRaisedEvent | AlertClearedEvent): string => (event.type === 'alert.raised' ? (event.lasting ? 'ON' : 'OFF') : event.reason === 'could_not_look' ? UNKNOWN : 'OFF');
const keyOf = ({ model_id, track: { id } }: TrackEvent): string => `${model_id} ${id}`;
