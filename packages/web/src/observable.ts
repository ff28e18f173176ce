// A value that React follows (`useSyncExternalStore`) and that code outside React sets.
import { useSyncExternalStore } from 'react';

export class Observable<T extends object> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) { this.#value = value; }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(change: Partial<T>): void {
    this.#value = { ...this.#value, ...change };
    for (const listener of this.#listeners) listener();
  }
}

export function useObservable<T extends object>(observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.get);
}
