// An MQTT broker as a target of couriers: events of a node under the topics of that node, whichever server brings them, and over the connection that tells how things stand.
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { isLoopback, MqttConfig, validator } from '@ruth/protocol';
import Type from 'typebox';
import type { Target } from '../notify/targets.ts';
import type { BrokerLink } from './broker-link.ts';
import { EVENT_TYPES } from './home-assistant.ts';
import { onvifMomentOf } from './onvif-events.ts';
import { eventMessageOf } from './topics.ts';

/** Of a node's settings what says under which topics its events are told. */
const topicsOf = validator(Type.Pick(MqttConfig, ['topic_prefix', 'onvif_metadata'], { additionalProperties: true }));

export function mqttTarget({ url, topic_prefix, onvif_metadata }: MqttConfig, link: BrokerLink): Target {
  const prefix = topic_prefix ?? 'ruth';
  return {
    name: 'mqtt', address: addressOf(url), hears: [{ types: EVENT_TYPES }], topics: JSON.stringify({ topic_prefix: prefix, ...(onvif_metadata && { onvif_metadata }) }), takesMany: true,
    isThere: () => link.connected,
    under: (topics) => mqttTarget({ url, ...topicsOf.parse(JSON.parse(topics), 'internal') }, link),
    async deliver({ event }) {
      const moment = onvif_metadata ? onvifMomentOf(prefix, event.event) : null;
      await Promise.all([eventMessageOf(prefix, event), ...(moment ? [moment] : [])].map((message) => link.tell(message)));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A broker on this machine is not the one on another. */
function addressOf(url: string): string {
  const { protocol, host, hostname: name } = new URL(url);
  return createHash('sha256').update(JSON.stringify([protocol, host, isLoopback(name) ? hostname() : ''])).digest('hex');
}
