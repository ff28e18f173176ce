// What the store can be asked, run where the database is: in a thread of its own (store-thread.ts).
import type { Database, StoreAccess, StoreAddress } from './database.ts';
import { openDatabase } from './database.ts';
import { forgetHour, hoursOf, oldestHours } from './event-retention.ts';
import { EventReader, type EventSearch, type TimeRange } from './event-search.ts';
import type { SeriesFilter } from './event-series.ts';
import { EventWriter, positionOf, type EventBatch } from './event-writer.ts';
import type { EventSource } from './tables.ts';
import { searchTracks, type TrackSearch } from './track-search.ts';

export class StoreTasks {
  readonly #database: Database;
  readonly #writer: EventWriter;
  readonly #reader: EventReader;

  private constructor(database: Database) {
    this.#database = database;
    this.#writer = new EventWriter(database);
    this.#reader = new EventReader(database);
  }

  static async open(address: StoreAddress, access: StoreAccess): Promise<StoreTasks> {
    return new StoreTasks(await openDatabase(address, access));
  }

  positionOf(source: EventSource) { return positionOf(this.#database, source); }
  append(batch: EventBatch) { return this.#writer.append(batch); }
  searchEvents(search: EventSearch) { return this.#reader.search(search); }
  event(id: number) { return this.#reader.get(id); }
  countEvents(filter: SeriesFilter & TimeRange) { return this.#reader.counts(filter); }
  searchTracks(search: TrackSearch) { return searchTracks(this.#database, search); }
  oldestHours() { return oldestHours(this.#database); }
  hoursOf(camera: string, fromHour: number, beforeHour: number) { return hoursOf(this.#database, camera, fromHour, beforeHour); }
  forgetHour(camera: string, hour: number) { return forgetHour(this.#database, camera, hour); }
  close() { return this.#database.destroy(); }
}
