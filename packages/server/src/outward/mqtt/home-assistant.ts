// Home Assistant's MQTT discovery (https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery, device discovery): one retained message
// for each camera makes it a device with its picture, what it counts, motion, rules and events. Pure.
import { topicPart, type CameraTopics, type MqttMessage } from './topics.ts';

/** What an event entity must name beforehand: others it does not take. */
export const EVENT_TYPES = [
  'track.started', 'track.ended', 'zone.entered', 'zone.left', 'line.crossed', 'dwell', 'object.left', 'object.removed', 'posture', 'fall', 'alert.raised', 'alert.cleared', 'camera.up', 'camera.down', 'recording.gap',
];

export interface DiscoveryContext {
  /** `homeassistant`, unless told. */
  readonly discoveryPrefix: string;
  /** Of Ruth's topics. */
  readonly prefix: string;
  /** Where the server says that it is there. */
  readonly statusTopic: string;
  readonly version: string;
  readonly snapshots: boolean;
}

const discoveryTopic = ({ discoveryPrefix, prefix }: DiscoveryContext, cameraId: string): string => `${discoveryPrefix}/device/${topicPart(`${prefix}_${cameraId}`)}/config`;

/** Again whenever there is more to say of the camera: it takes the place of the one before. */
export function discoveryOf(camera: CameraTopics, name: string, context: DiscoveryContext): MqttMessage {
  const device = topicPart(`${context.prefix}_${camera.cameraId}`);
  const of = (id: string, platform: string, title: string, rest: object): [string, object] => [topicPart(id), { platform, unique_id: `${device}_${topicPart(id)}`, name: title, ...rest }];
  const counter = (topic: string, icon: string): object => ({ state_topic: camera.topic(topic), state_class: 'measurement', icon });
  const components = Object.fromEntries([
    of('motion', 'binary_sensor', 'Motion', { state_topic: camera.topic('motion'), device_class: 'motion' }),
    of('events', 'event', 'Events', { state_topic: camera.topic('events'), event_types: EVENT_TYPES }),
    ...(context.snapshots ? [of('snapshot', 'image', 'Snapshot', { image_topic: camera.topic('snapshot'), content_type: 'image/jpeg' })] : []),
    ...[...camera.classes].map((one) => of(`objects_${one}`, 'sensor', one, counter(`objects/${topicPart(one)}`, one === 'person' ? 'mdi:account-group' : 'mdi:counter'))),
    ...[...camera.zones].map((zone) => of(`zone_${zone}`, 'sensor', `Zone ${zone}`, counter(`zones/${topicPart(zone)}`, 'mdi:vector-square'))),
    ...[...camera.rules].map((rule) => of(`rule_${rule}`, 'binary_sensor', `Rule ${rule}`, { state_topic: camera.topic(`rules/${topicPart(rule)}`), device_class: 'problem' })),
  ]);
  const payload = {
    device: { identifiers: [device], name, manufacturer: 'Ruth', model: 'Camera' }, origin: { name: 'Ruth', sw_version: context.version },
    availability_mode: 'all', availability: [{ topic: context.statusTopic }, { topic: camera.topic('status') }], components,
  };
  return { topic: discoveryTopic(context, camera.cameraId), payload: JSON.stringify(payload), retain: true };
}

/** The device goes from Home Assistant. */
export const withdrawalOf = (cameraId: string, context: DiscoveryContext): MqttMessage => ({ topic: discoveryTopic(context, cameraId), payload: '', retain: true });
