// What a model sees in the JSON that ONVIF defines for MQTT (Profile M; `onvif-mj`): Analytics Service Specification, "JSON over MQTT" (topic,
// conversion: attributes with "@", text beside attributes as "#text", what may repeat as a list, no namespace prefixes), of the types of
// metadatastream.xsd. Coordinates are ONVIF's: -1..1, y upwards. Pure.
import type { Look } from '@ruth/protocol';
import type { MqttMessage } from './topics.ts';

/** tt:ObjectType, where it has a name for what models call otherwise; free names are allowed and kept. */
const OBJECT_TYPES: Readonly<Record<string, string>> = {
  person: 'Human', face: 'HumanFace', car: 'Vehicle', truck: 'Vehicle', bus: 'Vehicle', motorcycle: 'Bike', bicycle: 'Bicycle', license_plate: 'LicensePlate',
  bird: 'Animal', cat: 'Animal', dog: 'Animal', horse: 'Animal', sheep: 'Animal', cow: 'Animal', elephant: 'Animal', bear: 'Animal', zebra: 'Animal', giraffe: 'Animal', fire: 'Fire', smoke: 'Smoke',
};
/** tt:VehicleType, which may stand beside it and says more. */
const VEHICLE_TYPES: Readonly<Record<string, string>> = { car: 'Car', truck: 'Truck', bus: 'Bus', motorcycle: 'Motorcycle' };

const round = (value: number): number => Math.round(value * 1e5) / 1e5;
export const utc = (seconds: number): string => new Date(seconds * 1000).toISOString();
export const objectType = (className: string): string => OBJECT_TYPES[className] ?? className;
/** "Special characters like '/', '#' and '+' shall be omitted from the topic"; so is what MQTT forbids. */
// eslint-disable-next-line no-control-regex
export const onvifPart = (text: string): string => text.replaceAll(/[/#+\u0000-\u001f\u007f-\u009f]/g, '');

/** A look in which nothing was seen is an empty frame; one that could not be made says nothing. */
export function frameOf(prefix: string, look: Look): MqttMessage | null {
  if (look.error !== null) return null;
  const objects = look.detections.map(({ bbox: [left, top, right, bottom], class_name: name, confidence, track_id: track }, index) => ({
    '@ObjectId': track ?? -(index + 1),
    Appearance: {
      Shape: {
        BoundingBox: { '@left': round(2 * left - 1), '@top': round(1 - 2 * top), '@right': round(2 * right - 1), '@bottom': round(1 - 2 * bottom) },
        CenterOfGravity: { '@x': round(left + right - 1), '@y': round(1 - top - bottom) },
      },
      Class: { Type: [objectType(name), VEHICLE_TYPES[name] ?? []].flat().map((type) => ({ '@Likelihood': round(confidence), '#text': type })) },
    },
  }));
  const frame = { '@UtcTime': utc(look.captured_at), '@Source': look.model_id, ...(objects.length === 0 ? {} : { Object: objects }) };
  return { topic: `${prefix}/onvif-mj/VideoAnalytics/${onvifPart(look.camera_id)}/${onvifPart(look.model_id)}`, payload: JSON.stringify({ Frame: [frame] }), retain: false };
}
