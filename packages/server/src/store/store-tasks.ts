// What the store can be asked, run where the database is: in a thread of its own (store-thread.ts).
import { leaveCourierTurns, noteNodes, takeCourierTurns, type CourierTurnsAsked } from './courier-turns.ts';
import { buryEvent, courierPosition, deadLetter, deadLetters, keepCouriers, moveCourier, removeDeadLetter, type DeadLetter } from './couriers.ts';
import type { Database, StoreAccess, StoreAddress } from './database.ts';
import { openDatabase } from './database.ts';
import { forgetHour, hoursOf, oldestHours } from './event-retention.ts';
import { EventReader, type EventSearch, type FoundEvent, type TimeRange } from './event-search.ts';
import type { SeriesFilter } from './event-series.ts';
import { EventWriter, newestEvents, positionOf, type EventBatch, type SiteBatch } from './event-writer.ts';
import { People, type AuditRow, type AuditSearch, type NewTokenRow, type NewUserRow, type UserUpdate } from './people.ts';
import { markSeen, markSeenBefore, seenAmong, unmarkSeen } from './seen-events.ts';
import { leaveSiteTurn, openSiteStream, takeSiteTurn } from './site-stream.ts';
import { standingEvents } from './standing-events.ts';
import { EVENT_SOURCES, SITE_STREAM, streamOf, type EventSource } from './tables.ts';
import { searchTracks, type TrackSearch } from './track-search.ts';

export interface EventsOfNode { readonly events: readonly FoundEvent[]; readonly seenTo: number }

export class StoreTasks {
  readonly #database: Database;
  readonly #writer: EventWriter;
  readonly #reader: EventReader;
  readonly #people: People;
  readonly #node: string | null;

  private constructor(database: Database, node: string | null) {
    this.#node = node;
    this.#database = database;
    this.#writer = new EventWriter(database, node);
    this.#reader = new EventReader(database);
    this.#people = new People(database);
  }

  static async open(address: StoreAddress, access: StoreAccess): Promise<StoreTasks> {
    const database = await openDatabase(address, access);
    const node = address.kind === 'postgres' ? address.node ?? null : null;
    if (node !== null && access === 'writer') {
      await database.insertInto('followed').values(EVENT_SOURCES.map((source) => ({ source: streamOf(node, source), epoch: 0, last_id: -1 }))).onConflict((conflict) => conflict.doNothing()).execute();
      await openSiteStream(database);
      await noteNodes(database, [node]);
    }
    return new StoreTasks(database, node);
  }

  positionOf(source: EventSource) { return positionOf(this.#database, streamOf(this.#node, source)); }
  newestEvents(source: EventSource, limit: number) { return newestEvents(this.#database, streamOf(this.#node, source), limit); }
  append(batch: EventBatch) { return this.#writer.append(batch); }
  appendOfSite(batch: SiteBatch) { return this.#writer.appendOfSite(batch); }
  sitePosition() { return positionOf(this.#database, SITE_STREAM); }
  /** Of this node's server, one of a site. */
  takeSiteTurn(forS: number) { return takeSiteTurn(this.#database, this.#node!, forS); }
  leaveSiteTurn() { return leaveSiteTurn(this.#database, this.#node!); }
  standingEvents(cameras: readonly string[], sinceUs: number) { return standingEvents(this.#database, cameras, sinceUs); }
  searchEvents(search: EventSearch) { return this.#reader.search(search); }
  event(id: number) { return this.#reader.get(id); }
  countEvents(filter: SeriesFilter & TimeRange) { return this.#reader.counts(filter); }
  seenAmong(userId: number, ids: readonly number[]) { return seenAmong(this.#database, userId, ids); }
  markSeen(userId: number, ids: readonly number[]) { return markSeen(this.#database, userId, ids); }
  markSeenBefore(userId: number, beforeUs: number) { return markSeenBefore(this.#database, userId, beforeUs); }
  unmarkSeen(userId: number, id: number) { return unmarkSeen(this.#database, userId, id); }
  eventsAfter(id: number, limit: number) { return this.#reader.after(id, limit, null); }
  /** Of a node, to be brought to its targets; `node` null: of this one. `seenTo`: there is none of it after the last of them up to here. */
  async eventsOfNode(node: string | null, afterId: number, limit: number): Promise<EventsOfNode> {
    const of = node ?? this.#node;
    const newest = await this.#reader.newestId();
    const events = await this.#reader.after(afterId, limit, of === null ? null : EVENT_SOURCES.map((source) => streamOf(of, source)));
    return { events, seenTo: Math.max(afterId, events.length < limit ? newest : 0, events.at(-1)?.id ?? 0) };
  }
  courierPosition(target: string, node: string | null = null) { return courierPosition(this.#database, this.#courier(target, node)); }
  /** Of this node's targets; those of others stay. */
  keepCouriers(targets: readonly string[]) { return keepCouriers(this.#database, this.#node, targets); }
  moveCourier(target: string, eventId: number, node: string | null = null) { return moveCourier(this.#database, this.#courier(target, node), eventId, this.#node); }
  buryEvent(letter: Omit<DeadLetter, 'id'>, node: string | null = null) { return buryEvent(this.#database, letter, this.#courier(letter.target, node), this.#node); }
  /** Of this node's server, one of a site. */
  takeCourierTurns(asked: CourierTurnsAsked) { return takeCourierTurns(this.#database, this.#node!, asked); }
  leaveCourierTurns(couriers: readonly string[]) { return leaveCourierTurns(this.#database, this.#node!, couriers); }
  deadLetters(limit: number) { return deadLetters(this.#database, limit); }
  deadLetter(id: number) { return deadLetter(this.#database, id); }
  removeDeadLetter(id: number) { return removeDeadLetter(this.#database, id); }
  searchTracks(search: TrackSearch) { return searchTracks(this.#database, search); }
  oldestHours() { return oldestHours(this.#database); }
  hoursOf(camera: string, fromHour: number, beforeHour: number) { return hoursOf(this.#database, camera, fromHour, beforeHour); }
  forgetHour(camera: string, hour: number) { return forgetHour(this.#database, camera, hour); }
  users() { return this.#people.users(); }
  user(name: string) { return this.#people.user(name); }
  addUser(user: NewUserRow) { return this.#people.addUser(user); }
  changeUser(name: string, change: UserUpdate) { return this.#people.changeUser(name, change); }
  removeUser(name: string) { return this.#people.removeUser(name); }
  personFromProvider(person: { subject: string; name: string; role: string; nowUs: number }) { return this.#people.personFromProvider(person); }
  addSession(hash: string, userId: number, mustChange: boolean, nowUs: number) { return this.#people.addSession(hash, userId, mustChange, nowUs); }
  session(hash: string) { return this.#people.session(hash); }
  sawSession(hash: string, nowUs: number) { return this.#people.sawSession(hash, nowUs); }
  removeSession(hash: string) { return this.#people.removeSession(hash); }
  takeOneTimePassword(userId: number, password: string) { return this.#people.takeOneTimePassword(userId, password); }
  setPassword(userId: number, password: string, keptSession: string) { return this.#people.setPassword(userId, password, keptSession); }
  forgetSessions(createdBeforeUs: number, seenBeforeUs: number) { return this.#people.forgetSessions(createdBeforeUs, seenBeforeUs); }
  tokens(ownerId: number | null) { return this.#people.tokens(ownerId); }
  addToken(token: NewTokenRow) { return this.#people.addToken(token); }
  token(hash: string) { return this.#people.token(hash); }
  usedToken(hash: string, nowUs: number) { return this.#people.usedToken(hash, nowUs); }
  removeToken(id: number, ownerId: number | null) { return this.#people.removeToken(id, ownerId); }
  note(rows: readonly AuditRow[]) { return this.#people.note(rows); }
  audit(search: AuditSearch) { return this.#people.audit(search); }
  forgetAudit(beforeUs: number) { return this.#people.forgetAudit(beforeUs); }
  close() { return this.#database.destroy(); }

  #courier(target: string, node: string | null): string { return this.#node === null ? target : `${node ?? this.#node}/${target}`; }
}
