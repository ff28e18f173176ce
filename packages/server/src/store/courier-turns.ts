// Who brings the events of which node of a site to its targets. A node's own server does while it is there. One that was not heard of for as long as a turn lasts, or that
// has none, is stood in for by another server that has the same target: one at a time, by the clock of the database. A position moves only for who has the turn.
import { sql } from 'kysely';
import type { Database } from './database.ts';

export interface CourierTarget {
  /** `webhook crm` */
  readonly name: string;
  /** Where it leads to, as a hash: another server's target of that name is the same one where this is the same. */
  readonly address: string;
  /** What it hears of, JSON. */
  readonly hears: string;
  /** Under which topics a broker is told, JSON; null of other targets. */
  readonly topics: string | null;
}

export interface CourierTurnsAsked {
  readonly targets: readonly CourierTarget[];
  /** Of quiet times. */
  readonly timeZone: string | null;
  readonly forS: number;
  /** Turns that are kept, as `<node>/<target>`, until what is being delivered there is noted. */
  readonly leaving: readonly string[];
}

export interface StandInTurn {
  readonly node: string;
  readonly name: string;
  /** As that node's own server has them; null where it has no server: then as the stand-in has them. */
  readonly hears: string | null;
  readonly timeZone: string | null;
  /** Likewise. */
  readonly topics: string | null;
}

export interface CourierTurnsTaken {
  /** Names of the node's own targets whose turn it has. */
  readonly own: readonly string[];
  readonly others: readonly StandInTurn[];
  /** Couriers of nodes whose server has been away for longer than others need to stand in, and that nobody brings: no server has that target. */
  readonly unbrought: readonly { readonly node: string; readonly name: string }[];
}

/** A server stands in for so many couriers at most. */
const MOST_STOOD_IN = 256;
/** Of a node that is away for longer nobody is reminded any more. */
const REMINDED_FOR = sql`interval '7 days'`;
const UNBROUGHT_AFTER = sql`interval '1 minute'`;

/** Says that the server of `node` is there, and takes or keeps each turn that is to be had, for `forS` more. */
export async function takeCourierTurns(database: Database, node: string, { targets, timeZone, forS, leaving }: CourierTurnsAsked): Promise<CourierTurnsTaken> {
  const length = sql`make_interval(secs => ${forS})`;
  const of = (column: (target: CourierTarget) => string | null) => sql`${targets.map(column)}::text[]`;
  const mine = sql`unnest(${of(({ name }) => name)}, ${of(({ address }) => address)}, ${of(({ hears }) => hears)}, ${of(({ topics }) => topics)}) as mine(name, address, hears, topics)`;
  return database.transaction().execute(async (transaction) => {
    // A target that is new begins with what comes.
    const { rows: own } = await sql<{ name: string; is_mine: boolean }>`
      insert into couriers as known (target, last_event_id, since_event_id, address, hears, topics, time_zone, own_until, holder, until)
      select ${node} || '/' || mine.name, newest.id, newest.id, mine.address, mine.hears, mine.topics, ${timeZone}, now() + ${length}, ${node}, now() + ${length} from ${mine}, (select coalesce(max(id), 0) as id from events) as newest order by mine.name
      on conflict (target) do update set address = excluded.address, hears = excluded.hears, topics = excluded.topics, time_zone = excluded.time_zone, own_until = excluded.own_until,
        holder = case when known.holder = ${node} or known.until < now() then ${node} else known.holder end, until = case when known.holder = ${node} or known.until < now() then excluded.until else known.until end
      returning split_part(target, '/', 2) as name, holder = ${node} as is_mine`.execute(transaction);
    // What this node's own settings do not name any more is brought by nobody.
    await sql`update couriers set address = '' where split_part(target, '/', 1) = ${node} and split_part(target, '/', 2) <> all(${of(({ name }) => name)}) and address is distinct from ''`.execute(transaction);
    // A node that never had a server: from its first event on, as far as the target was there.
    await sql`
      insert into couriers (target, last_event_id, since_event_id, own_until, holder, until)
      select nodes.node || '/' || mine.name, greatest(nodes.before_event_id, ours.since_event_id), greatest(nodes.before_event_id, ours.since_event_id), '-infinity', '', '-infinity'
      from nodes, ${mine} join couriers ours on ours.target = ${node} || '/' || mine.name
      where not exists (select from followed where source = nodes.node || '/core') on conflict do nothing`.execute(transaction);
    const { rows: others } = await sql<{ node: string; name: string; hears: string | null; topics: string | null; time_zone: string | null }>`
      update couriers set holder = ${node}, until = now() + ${length} where target in (
        select target from couriers join ${mine} on split_part(target, '/', 2) = mine.name and coalesce(couriers.address, mine.address) = mine.address
        where split_part(target, '/', 1) <> ${node} and (own_until < now() or (holder = ${node} and target = any(${leaving}::text[]))) and (holder = ${node} or until < now()) order by holder = ${node} desc, target limit ${MOST_STOOD_IN} for update of couriers skip locked)
      returning split_part(target, '/', 1) as node, split_part(target, '/', 2) as name, hears, topics, time_zone`.execute(transaction);
    const { rows: unbrought } = await sql<{ node: string; name: string }>`
      select split_part(target, '/', 1) as node, split_part(target, '/', 2) as name from couriers
      where own_until < now() - ${UNBROUGHT_AFTER} and until < now() - ${UNBROUGHT_AFTER} and own_until > now() - ${REMINDED_FOR} and address <> '' order by target limit 100`.execute(transaction);
    return { own: own.filter((row) => row.is_mine).map(({ name }) => name), others: others.map(({ node: of_, name, hears, topics, time_zone: zone }) => ({ node: of_, name, hears, topics, timeZone: zone })), unbrought };
  });
}

/** Lets whoever is to have them take these turns at once: `<node>/<target>`. */
export async function leaveCourierTurns(database: Database, holder: string, couriers: readonly string[]): Promise<void> {
  await sql`update couriers set until = now() - interval '1 second' where holder = ${holder} and target = any(${couriers}::text[])`.execute(database);
}

/** Remembers from where on there are events of nodes, before they are written. */
export async function noteNodes(database: Database, nodes: readonly string[]): Promise<void> {
  await sql`insert into nodes (node, before_event_id) select node, (select coalesce(max(id), 0) from events) from unnest(${nodes}::text[]) as node order by node on conflict do nothing`.execute(database);
}
