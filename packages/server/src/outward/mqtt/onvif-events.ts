// What happens as events of ONVIF over MQTT (Profile M; `onvif-ej`): Core Specification, "Event Broker" (topic, JSON payload, property
// events), with the topics and items of the Analytics Service Specification, annex "Specified Rules". A property (what stands until it
// changes) is retained, one topic for each rule, and taken back by an empty message where it is not known any more; what is so for an instant only is
// told by itself. Events in, messages out.
import type { CoreEvent, KernelEvent, TrackState } from '@ruth/protocol';
import { objectType, onvifPart, utc } from './onvif-metadata.ts';
import type { MqttMessage } from './topics.ts';

type Source = Readonly<Record<string, string>>;
type Data = Readonly<Record<string, string | number | boolean>>;
/** What may trigger a rule, of those that go on. */
interface Triggering { readonly id: number; readonly type: string; readonly sinceS: number }
interface Rule { readonly topic: string; readonly source: Source; readonly objects: Map<number, Triggering> }

const FIELD = 'RuleEngine/FieldDetector/ObjectsInside';
const LOITERING = 'RuleEngine/LoiteringDetector/ObjectIsLoitering';
const ABANDONED = 'RuleEngine/ObjectAbandoned';
const OCCUPANCY = 'RuleEngine/CountAggregation/OccupancyCounter';
/** Of Ruth's own, in the form that the Core Specification gives to topics of other namespaces. */
const ALERT = 'RuleEngine/ruth:Alert';

export class OnvifEvents {
  readonly #prefix: string;
  /** By MQTT topic: what was said last of each property, and whose it is. */
  readonly #standing = new Map<string, { readonly payload: string; readonly camera: string; readonly model: string | null; readonly atS: number }>();
  readonly #rules = new Map<string, Rule>();
  /** Of each camera whether it sends nothing. */
  readonly #lost = new Map<string, boolean>();

  constructor(prefix: string) { this.#prefix = prefix; }

  /** What stands now that this happened; nothing for what ONVIF has no topic of. */
  take(event: CoreEvent | KernelEvent): MqttMessage[] {
    switch (event.type) {
      case 'zone.entered': return this.#inside(FIELD, event, event.zone, (objects) => objects.set(event.track.id, triggering(event.track, event.captured_at)));
      case 'zone.left': return [
        ...this.#inside(FIELD, event, event.zone, (objects) => objects.delete(event.track.id)), ...this.#ended(LOITERING, event, event.zone),
      ];
      case 'dwell': return this.#inside(LOITERING, event, event.zone, (objects) => objects.set(event.track.id, triggering(event.track, event.captured_at - event.stay_s)));
      case 'object.left': return (event.zones.length === 0 ? ['anywhere'] : event.zones).flatMap((zone) => this.#inside(ABANDONED, event, zone, (objects) => objects.set(event.track.id, triggering(event.track, event.since))));
      case 'track.ended': return [...this.#rules.values()].filter(({ source, objects }) => source.VideoSource === event.camera_id && source.AnalyticsConfiguration === event.model_id && objects.has(event.track.id))
        .flatMap(({ topic, source }) => (topic === FIELD ? this.#inside(FIELD, event, source.Rule!, (objects) => objects.delete(event.track.id)) : this.#ended(topic, event, source.Rule!)));
      case 'occupancy': {
        const source = sourceOf(event, event.zone);
        return event.count === null ? this.#forget((topic) => topic === this.#topic(OCCUPANCY, source)) : [this.#message(OCCUPANCY, source, event.captured_at, { Count: event.count })];
      }
      case 'alert.raised': return event.lasting ? [this.#message(ALERT, sourceOf(event, event.rule), event.captured_at, { State: true, ...toldOf(event) })] : [];
      case 'alert.cleared': return [this.#message(ALERT, sourceOf(event, event.rule), event.captured_at, { State: false, ...toldOf(event) })];
      case 'camera.up': return this.signal(event.camera_id, false, event.at);
      case 'camera.down': return [...this.#unknown((camera, model) => camera === event.camera_id && model !== null), ...this.signal(event.camera_id, true, event.at)];
      case 'model.down': return this.#unknown((_, model) => model === event.model_id);
      default: return [];
    }
  }

  /** For a broker that knows nothing. */
  standing(): MqttMessage[] { return [...this.#standing].map(([topic, { payload }]) => ({ topic, payload, retain: true })); }

  stands(topic: string): boolean { return this.#standing.has(topic); }

  /** Core began anew: what the one before it told is not known any more. */
  beganAnew(sinceS: number): MqttMessage[] {
    return this.#forget((topic) => { const { model, atS } = this.#standing.get(topic)!; return model !== null && atS < sinceS; });
  }

  /** Of a camera that is gone: its properties are deleted. */
  cleared(cameraId: string): MqttMessage[] {
    this.#lost.delete(cameraId);
    return this.#unknown((camera) => camera === cameraId);
  }

  /** Whether a camera sends nothing, where that was not said already. */
  signal(cameraId: string, lost: boolean, atS: number): MqttMessage[] {
    if (this.#lost.get(cameraId) === lost) return [];
    this.#lost.set(cameraId, lost);
    return [this.#message('VideoSource/SignalLoss', { Source: cameraId }, atS, { State: lost })];
  }

  /** A rule about several objects: told whenever the list of them changes. */
  #inside(topic: string, event: Seen, rule: string, change: (objects: Map<number, Triggering>) => void): MqttMessage[] {
    const { source, objects } = this.#rule(topic, event, rule);
    change(objects);
    const list = [...objects.values()];
    const data: Data = topic === FIELD ? { IsInside: list.length > 0 } : topic === LOITERING ? { Since: utc(Math.min(...list.map(({ sinceS }) => sinceS))) } : {};
    return [this.#message(topic, source, event.captured_at, { ...objectsOf(list), ...data })];
  }

  /** One object less; the property goes with the last. */
  #ended(topic: string, event: Seen, ruleName: string): MqttMessage[] {
    const rule = this.#rules.get(this.#topic(topic, sourceOf(event, ruleName)));
    if (!rule?.objects.has(event.track.id)) return [];
    if (rule.objects.size > 1) return this.#inside(topic, event, ruleName, (objects) => objects.delete(event.track.id));
    const gone = this.#topic(topic, rule.source);
    return this.#forget((one) => one === gone);
  }

  #rule(topic: string, event: Seen, name: string): Rule {
    const source = sourceOf(event, name);
    const key = this.#topic(topic, source);
    const rule = this.#rules.get(key) ?? { topic, source, objects: new Map<number, Triggering>() };
    this.#rules.set(key, rule);
    return rule;
  }

  /** Nobody looks: what was said last is not what there is. */
  #unknown(whose: (camera: string, model: string | null) => boolean): MqttMessage[] {
    return this.#forget((topic) => whose(this.#standing.get(topic)!.camera, this.#standing.get(topic)!.model));
  }

  #forget(which: (topic: string) => boolean): MqttMessage[] {
    return [...this.#standing.keys()].filter(which).map((topic) => {
      this.#standing.delete(topic);
      this.#rules.delete(topic);
      return { topic, payload: '', retain: true };
    });
  }

  #topic(topic: string, source: Source): string { return topicOf(this.#prefix, topic, source); }

  #message(topic: string, source: Source, atS: number, data: Data): MqttMessage {
    const message = { topic: this.#topic(topic, source), payload: payloadOf(source, atS, data), retain: true };
    this.#standing.set(message.topic, { payload: message.payload, camera: source.VideoSource ?? source.Source!, model: source.AnalyticsConfiguration ?? null, atS });
    return message;
  }
}

/** What stands for an instant only; null for everything else. */
export function onvifMomentOf(prefix: string, event: CoreEvent | KernelEvent): MqttMessage | null {
  const message = (topic: string, source: Source, atS: number, data: Data): MqttMessage => ({ topic: topicOf(prefix, topic, source), payload: payloadOf(source, atS, data), retain: false });
  if (event.type === 'line.crossed') return message('RuleEngine/LineDetector/Crossed', sourceOf(event, event.line), event.captured_at, objectsOf([triggering(event.track, event.captured_at)]));
  return event.type === 'alert.raised' && !event.lasting ? message(ALERT, sourceOf(event, event.rule), event.captured_at, toldOf(event)) : null;
}

const topicOf = (prefix: string, topic: string, source: Source): string => `${prefix}/onvif-ej/${topic}/&${Object.values(source).map(onvifPart).join('/')}`;
const payloadOf = (source: Source, atS: number, data: Data): string => JSON.stringify({ UtcTime: utc(atS), Source: source, Data: data });

type Seen = Extract<CoreEvent, { track: TrackState }> & { readonly captured_at: number; readonly model_id: string };

const sourceOf = ({ camera_id: camera, model_id: model }: { readonly camera_id: string; readonly model_id: string }, rule: string): Source => ({ VideoSource: camera, AnalyticsConfiguration: model, Rule: rule });
const triggering = ({ id, class_name: name }: TrackState, sinceS: number): Triggering => ({ id, type: objectType(name), sinceS });
/** Items of one's own bear a prefix. */
const toldOf = ({ severity, event }: { readonly severity: string; readonly event: string }): Data => ({ 'ruth:Severity': severity, 'ruth:Event': event });

/** tt:StringList, the classes in the order of the objects: no item of it holds a space. */
function objectsOf(objects: readonly Triggering[]): Data {
  return objects.length === 0 ? {} : { ObjectId: objects.map(({ id }) => id).join(' '), ClassTypes: objects.map(({ type }) => type.replaceAll(/\s+/g, '_')).join(' ') };
}
