// What Home Assistant takes by MQTT, transcribed as schemas from the source of its MQTT integration (github.com/home-assistant/core, homeassistant/
// components/mqtt): device discovery from schemas.py (DEVICE_DISCOVERY_SCHEMA) and discovery.py (TOPIC_MATCHER), entities from binary_sensor.py,
// sensor.py, event.py, image.py with MQTT_ENTITY_COMMON_SCHEMA, values from const.py. It drops keys that it does not know without a word; here they are wrong.
import { validator } from '@ruth/protocol';
import Type from 'typebox';

const strict = { additionalProperties: false } as const;
const text = Type.String();
/** valid_subscribe_topic, for topics without wildcards. */
const topic = Type.String({ pattern: '^[^#+\\u0000]+$', minLength: 1, maxLength: 65_535 });
/** cv.icon. */
const icon = Type.String({ pattern: '^[a-z]+:[a-z0-9-]+$' });
const optional = <T extends Type.TProperties>(keys: T) => Object.fromEntries(Object.entries(keys).map(([key, schema]) => [key, Type.Optional(schema)]));

const availability = optional({
  availability_mode: Type.Enum(['all', 'any', 'latest']),
  availability: Type.Array(Type.Object({ topic, ...optional({ payload_available: text, payload_not_available: text, value_template: text }) }, strict)),
});
const device = Type.Object({
  identifiers: Type.Array(text, { minItems: 1 }),
  ...optional({ manufacturer: text, model: text, model_id: text, name: text, hw_version: text, serial_number: text, sw_version: text, via_device: text, suggested_area: text, configuration_url: text }),
}, strict);
const origin = Type.Object({ name: text, ...optional({ sw_version: text, support_url: text }) }, strict);

/** MQTT_ENTITY_COMMON_SCHEMA and MQTT_RO_SCHEMA, with what device discovery demands of each component. */
const common = {
  unique_id: Type.String({ minLength: 1 }), name: text,
  ...optional({ enabled_by_default: Type.Boolean(), entity_category: Type.Enum(['config', 'diagnostic']), icon, json_attributes_topic: topic, json_attributes_template: text, qos: Type.Integer({ minimum: 0, maximum: 2 }), encoding: text, value_template: text }),
};
/** BinarySensorDeviceClass. */
const BINARY_DEVICE_CLASSES = [
  'battery', 'battery_charging', 'carbon_monoxide', 'cold', 'connectivity', 'door', 'garage_door', 'gas', 'heat', 'light', 'lock', 'moisture', 'motion', 'moving', 'occupancy', 'opening', 'plug', 'power', 'presence', 'problem', 'running', 'safety', 'smoke', 'sound', 'tamper', 'update', 'vibration', 'window',
];
const component = Type.Union([
  Type.Object({ platform: Type.Literal('binary_sensor'), ...common, state_topic: topic, ...optional({ device_class: Type.Enum(BINARY_DEVICE_CLASSES), payload_on: text, payload_off: text, off_delay: Type.Integer({ minimum: 0 }), expire_after: Type.Integer({ minimum: 0 }), force_update: Type.Boolean() }) }, strict),
  // A unit belongs to a device class; counts have neither.
  Type.Object({ platform: Type.Literal('sensor'), ...common, state_topic: topic, ...optional({ state_class: Type.Enum(['measurement', 'total', 'total_increasing']), suggested_display_precision: Type.Integer({ minimum: 0 }), expire_after: Type.Integer({ minimum: 0 }), force_update: Type.Boolean() }) }, strict),
  Type.Object({ platform: Type.Literal('event'), ...common, state_topic: topic, event_types: Type.Array(text, { minItems: 1 }), ...optional({ device_class: Type.Enum(['button', 'doorbell', 'motion']) }) }, strict),
  Type.Object({ platform: Type.Literal('image'), ...common, image_topic: topic, ...optional({ content_type: text, image_encoding: Type.Literal('b64') }) }, strict),
]);
const discovery = validator(Type.Object({ device, origin, ...availability, components: Type.Record(text, component) }, strict));

export interface Entity { readonly platform: string; readonly unique_id: string; readonly state_topic?: string; readonly image_topic?: string; readonly event_types?: readonly string[] }
export interface Discovery { readonly device: { readonly name: string }; readonly availability: readonly { readonly topic: string }[]; readonly components: Readonly<Record<string, Entity>> }

/** What is wrong with a discovery message; nothing where it is right. */
export function discoveryViolations({ topic: where, payload, retain }: { readonly topic: string; readonly payload: string | Buffer; readonly retain: boolean }, prefix = 'homeassistant'): string[] {
  const message = JSON.parse(payload.toString()) as Discovery;
  const ids = Object.values(message.components).map(({ unique_id: id }) => id);
  return [
    ...(where.startsWith(`${prefix}/`) && /^device\/(?:[a-zA-Z0-9_-]+\/)?[a-zA-Z0-9_-]+\/config$/.test(where.slice(prefix.length + 1)) ? [] : [`topic ${where}`]),
    ...discovery.violations(message).map((violation) => JSON.stringify(violation)), ...(new Set(ids).size === ids.length ? [] : ['an id twice']), ...(retain ? [] : ['not retained: who starts later does not hear it']),
  ];
}

/** What is wrong with what a topic says, for the entity that reads it. */
export function stateViolations(entity: Entity, payload: string, retained: boolean): string[] {
  switch (entity.platform) {
    // payload_on, payload_off, PAYLOAD_NONE.
    case 'binary_sensor': return ['ON', 'OFF', 'None'].includes(payload) ? [] : [`a binary sensor reads no ${payload}`];
    // A state class makes it numeric; PAYLOAD_NONE is not known.
    case 'sensor': return payload === 'None' || /^-?\d+(\.\d+)?$/.test(payload) ? [] : [`a number is not ${payload}`];
    // A retained one is not taken, nor one whose type was not named.
    case 'event': {
      const { event_type: type } = JSON.parse(payload) as { event_type?: string };
      return [...(retained ? ['an event is retained'] : []), ...(type !== undefined && entity.event_types!.includes(type) ? [] : [`an event of type ${type} was not named`])];
    }
    default: return payload === '' ? ['an empty picture'] : [];
  }
}
