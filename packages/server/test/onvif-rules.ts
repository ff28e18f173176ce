// The rules of ONVIF for JSON over MQTT, transcribed as schemas from the published specifications (github.com/onvif/specs): for frames the Analytics
// Service Specification, "JSON over MQTT", and metadatastream.xsd (tt:Frame, tt:Object, tt:ShapeDescriptor, tt:ClassDescriptor, tt:StringLikelihood);
// for events the Core Specification, "Event Broker" (topic structure, JSON event payload, property events), and the annex "Specified Rules" of the
// Analytics Service Specification. What they leave open to others (any element, any attribute) is closed here: Ruth says nothing that is not in them.
import { validator } from '@ruth/protocol';
import Type from 'typebox';

const strict = { additionalProperties: false } as const;
/** xs:dateTime of UTC. */
const dateTime = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z?$' });
/** "Quotes may be omitted for integer and floating point values as well as logical states". */
const integer = Type.Union([Type.Integer(), Type.String({ pattern: '^-?\\d+$' })]);
const float = Type.Number();

const boundingBox = Type.Object({ '@left': float, '@top': float, '@right': float, '@bottom': float }, strict);
const vector = Type.Object({ '@x': float, '@y': float }, strict);
const transformation = Type.Object({ Translate: Type.Optional(vector), Scale: Type.Optional(vector) }, strict);
/** tt:StringLikelihood: text with an attribute. */
const stringLikelihood = Type.Object({ '@Likelihood': Type.Optional(Type.Number({ minimum: 0, maximum: 1 })), '#text': Type.String() }, strict);
const shape = Type.Object({ BoundingBox: boundingBox, CenterOfGravity: vector, Polygon: Type.Optional(Type.Array(vector)) }, strict);
const appearance = Type.Object({ Shape: Type.Optional(shape), Class: Type.Optional(Type.Object({ Type: Type.Array(stringLikelihood) }, strict)) }, strict);
const object = Type.Object({ '@ObjectId': Type.Integer(), '@Parent': Type.Optional(Type.Integer()), Appearance: Type.Optional(appearance) }, strict);
const frame = Type.Object({
  '@UtcTime': dateTime, '@Source': Type.Optional(Type.String()), '@context': Type.Optional(Type.Record(Type.String(), Type.String())),
  Transformation: Type.Optional(transformation), Object: Type.Optional(Type.Array(object, { minItems: 1 })),
}, strict);
/** `Topic = TopicPrefix "/" PayloadPrefix "/" MetadataType "/" ProfileToken "/" AnalyticsModuleName`. */
const FRAME_TOPIC = /^.+\/onvif-mj\/VideoAnalytics\/[^/#+]+\/[^/#+]+$/;
const frames = validator(Type.Object({ Frame: Type.Array(frame) }, strict));

/** tt:ObjectType and tt:VehicleType. */
export const OBJECT_TYPES = ['Animal', 'HumanFace', 'Human', 'Bicycle', 'Vehicle', 'LicensePlate', 'Bike', 'Barcode', 'Fire', 'Smoke'];
export const VEHICLE_TYPES = ['Bus', 'Car', 'Truck', 'Bicycle', 'Motorcycle'];

const stringList = Type.String({ pattern: '^\\S+( \\S+)*$' });
const objects = { ObjectId: Type.Optional(stringList), ClassTypes: Type.Optional(stringList) };
/** "VideoSource, AnalyticsConfiguration - optional, Rule" (annex "Specified Rules", message format), in the order of the topic. */
const ruleSource = Type.Object({ VideoSource: Type.String(), AnalyticsConfiguration: Type.Optional(Type.String()), Rule: Type.String() }, strict);
const messageOf = (source: Type.TSchema, data: Type.TSchema) => validator(Type.Object({ UtcTime: dateTime, Source: source, Data: data }, strict));
const rule = (data: Record<string, Type.TSchema>, property: boolean) => ({ property, check: messageOf(ruleSource, Type.Object(data, strict)) });

/** By LocalTopic: whether it is a property, and its payload. */
const TOPICS: Readonly<Record<string, { property: boolean; check: ReturnType<typeof messageOf> }>> = {
  'RuleEngine/LineDetector/Crossed': rule(objects, false),
  'RuleEngine/FieldDetector/ObjectsInside': rule({ ...objects, IsInside: Type.Boolean() }, true),
  'RuleEngine/LoiteringDetector/ObjectIsLoitering': rule({ ...objects, ObjectId: stringList, Since: dateTime }, true),
  'RuleEngine/CountAggregation/OccupancyCounter': rule({ Count: integer }, true),
  'RuleEngine/ObjectAbandoned': rule({ ...objects, ObjectId: stringList }, true),
  // tt:ReferenceToken of the video source, xs:boolean; as cameras send it.
  'VideoSource/SignalLoss': { property: true, check: messageOf(Type.Object({ Source: Type.String() }, strict), Type.Object({ State: Type.Boolean() }, strict)) },
};
/** A topic of another namespace bears its alias, as "Device/HardwareFailure/acme:LensFailure" does; so do items of one's own. */
const OWN_TOPIC = /^(\w+\/)+ruth:\w+$/;
const own = messageOf(ruleSource, Type.Object({ State: Type.Optional(Type.Boolean()), 'ruth:Severity': Type.String(), 'ruth:Event': Type.String() }, strict));

const said = (violation: object): string => JSON.stringify(violation);

export interface Published { readonly topic: string; readonly payload: string | Buffer; readonly retain: boolean }

/** What is wrong with a message by the rules; nothing where it is right. */
export function violations({ topic, payload, retain }: Published): string[] {
  const text = payload.toString();
  if (topic.includes('/onvif-mj/')) return [...(FRAME_TOPIC.test(topic) ? [] : [`topic ${topic}`]), ...frames.violations(JSON.parse(text)).map(said), ...(retain ? ['a frame is retained'] : [])];
  // `Topic = TopicPrefix "/" PayloadPrefix "/" LocalTopic [ "/&" Source ]`, `Source = SVALUE *("/" SVALUE)`.
  const [, local, source] = /^[^#+]+\/onvif-ej\/([^#+&]+)\/&([^#+]+)$/.exec(topic) ?? [];
  if (local === undefined || source === undefined) return [`topic ${topic}`];
  const known = TOPICS[local];
  if (!known && !OWN_TOPIC.test(local)) return [`${local} is no topic of ONVIF, and names no namespace`];
  // "The device shall send a zero byte payload": a property that is deleted.
  if (text === '') return retain && known?.property !== false ? [] : ['only a property is deleted'];
  const message = JSON.parse(text) as { Source: Record<string, string> };
  const values = Object.values(message.Source ?? {}).map((value) => value.replaceAll(/[/#+]/g, ''));
  return [
    ...(known ?? { check: own }).check.violations(message).map(said), ...(values.join('/') === source ? [] : [`the topic names ${source}, the payload ${values.join('/')}`]),
    // "For property events, the device shall set the retained flag"; "the PropertyOperation shall not be included" is the closed schema.
    ...(known && known.property !== retain ? [`retain is ${retain}`] : []),
  ];
}
