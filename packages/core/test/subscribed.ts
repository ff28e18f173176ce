// A subscription to one stand-in model, what it made of the answers, and what it dropped.
import { Look, SubscriptionStatus, validator, type CameraSubscription } from '@ruth/protocol';
import { ModelAccess, Subscription, type ModelEndpoint, type SubscriptionOptions } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import type { MockEndpoint } from './mock-endpoint.ts';

const look = validator(Look);
const subscriptionStatus = validator(SubscriptionStatus);

export function optionsOf(endpoint: () => ModelEndpoint | null, more: Partial<SubscriptionOptions> = {}): SubscriptionOptions {
  const clock = more.clock ?? new ManualClock();
  return { cameraId: 'front', clock, access: new ModelAccess({ modelId: 'finder', clock, endpoint }), onLook: () => undefined, ...more };
}

export function subscribed(endpoint: MockEndpoint | null, settings: Partial<CameraSubscription> = {}) {
  const looks: Look[] = [];
  const clock = new ManualClock();
  const available = { endpoint };
  const subscription = new Subscription(
    { model: 'finder', desired_fps: 25, ...settings },
    optionsOf(() => available.endpoint, { clock, onLook: (made) => looks.push(look.parse(made)) }),
  );
  subscription.start();
  const drops = (): Partial<Record<string, number>> => Object.fromEntries(Object.entries(subscriptionStatus.parse(subscription.status()).drops).filter(([, count]) => count > 0));
  return { subscription, looks, drops, available, clock };
}
