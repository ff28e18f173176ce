// What the page knows of the system: the server's answers, asked again every two seconds, and the looks as they come.
// The last answer stays beside a failure, so that a part that goes away does not take its tiles with it.
import type { CameraStatus, ModelStatus, NotAsked, SubscriptionStatus, SystemHealth } from '@ruth/protocol';
import { RecentEvents } from '../events/recent-events.ts';
import { followEvents } from '../live/events-socket.ts';
import { LookBook } from '../live/look-history.ts';
import { ask, SERVER_UNREACHABLE, socketAddress, type Answer, type Failure } from './api.ts';

export interface Known<T> { readonly value: T | null; readonly failure: Failure | null; readonly notAsked?: NotAsked | null }

export interface System {
  readonly server: 'connecting' | 'online' | 'offline';
  readonly eventsOpen: boolean;
  readonly health: SystemHealth | null;
  readonly cameras: Known<readonly CameraStatus[]>;
  readonly models: Known<readonly ModelStatus[]>;
  readonly subscriptions: Known<readonly SubscriptionStatus[]>;
}

const ASK_EVERY_MS = 2000;
const unknown = { value: null, failure: null };

export class SystemStore {
  readonly looks = new LookBook();
  readonly events = new RecentEvents();
  #system: System = { server: 'connecting', eventsOpen: false, health: null, cameras: unknown, models: unknown, subscriptions: unknown };
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;

  readonly snapshot = (): System => this.#system;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Begins to follow the server; returns what ends it. */
  start(): () => void {
    void this.#ask();
    const unfollow = followEvents(socketAddress('live'), (event) => {
      if (event.type === 'detection') this.looks.push(event.look);
      else if ('model_id' in event && 'camera_id' in event) this.events.push(event);
      else void this.#ask();
    }, (open) => {
      this.#set({ eventsOpen: open });
      void this.#ask();
    });
    return () => {
      unfollow();
      clearTimeout(this.#timer);
    };
  }

  /** Something was changed from this page: what is known is asked for at once. */
  refresh(): void { void this.#ask(); }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    const [health, cameras, models, subscriptions] = await Promise.all([
      ask<SystemHealth>('health'), ask<CameraStatus[]>('cameras'), ask<ModelStatus[]>('models'), ask<SubscriptionStatus[]>('subscriptions'),
    ]);
    this.#asking = false;
    this.#set({
      server: health.failure?.code === SERVER_UNREACHABLE ? 'offline' : 'online',
      health: health.value,
      cameras: renewed(this.#system.cameras, cameras),
      models: renewed(this.#system.models, models),
      subscriptions: renewed(this.#system.subscriptions, subscriptions),
    });
    this.#timer = setTimeout(() => void this.#ask(), ASK_EVERY_MS);
  }

  #set(change: Partial<System>): void {
    this.#system = { ...this.#system, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function renewed<T>(before: Known<T>, answer: Answer<T>): Known<T> {
  return answer.failure ? { value: before.value, failure: answer.failure } : answer;
}
