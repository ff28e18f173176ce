// How the database comes to be what this version of Ruth expects, from nothing or from any older one. Never change a step that
// was released: add one.
import { RuthError } from '@ruth/protocol/base';
import { type ColumnDataType, type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { EVENT_SOURCES, type Tables } from './tables.ts';

type Kind = 'sqlite' | 'postgres';
type Step = (database: Kysely<never>, kind: Kind) => Promise<void>;

/** What both databases call otherwise. */
const bigInteger = (kind: Kind): ColumnDataType => (kind === 'sqlite' ? 'integer' : 'bigint');
const real = (kind: Kind): ColumnDataType => (kind === 'sqlite' ? 'real' : 'double precision');
const strict = (kind: Kind, options = 'strict') => (kind === 'sqlite' ? sql.raw(options) : sql``);

const STEPS: Readonly<Record<string, Step>> = {
  async '001-events'(database, kind) {
    const big = bigInteger(kind);
    await database.schema.createTable('followed').addColumn('source', 'text', (column) => column.primaryKey())
      .addColumn('epoch', 'integer', (column) => column.notNull()).addColumn('last_id', big, (column) => column.notNull()).modifyEnd(strict(kind)).execute();
    for (const source of EVENT_SOURCES) await sql`insert into followed (source, epoch, last_id) values (${source}, 0, -1)`.execute(database);
    let series = database.schema.createTable('event_series')
      .addColumn('id', 'integer', (column) => (kind === 'sqlite' ? column.primaryKey().autoIncrement() : column.primaryKey().generatedAlwaysAsIdentity()));
    const parts = ['type', 'camera', 'model', 'class_name', 'zones', 'rule'] as const;
    for (const part of parts) series = series.addColumn(part, 'text', (column) => column.notNull());
    await series.addUniqueConstraint('event_series_parts', [...parts] as never).modifyEnd(strict(kind)).execute();
    await database.schema.createTable('events')
      .addColumn('id', big, (column) => (kind === 'sqlite' ? column.primaryKey().autoIncrement() : column.primaryKey().generatedAlwaysAsIdentity()))
      .addColumn('source', 'text', (column) => column.notNull()).addColumn('source_id', big, (column) => column.notNull())
      .addColumn('series_id', 'integer', (column) => column.notNull().references('event_series.id')).addColumn('at_us', big, (column) => column.notNull())
      .addColumn('score', real(kind)).addColumn('body', 'text', (column) => column.notNull()).modifyEnd(strict(kind)).execute();
    await database.schema.createIndex('events_by_time').on('events').columns(['at_us', 'id']).execute();
    await database.schema.createIndex('events_by_series').on('events').columns(['series_id', 'at_us', 'score']).execute();
    await database.schema.createTable('event_hours').addColumn('hour', 'integer', (column) => column.notNull()).addColumn('series_id', 'integer', (column) => column.notNull().references('event_series.id'))
      .addColumn('events', 'integer', (column) => column.notNull()).addColumn('max_score', real(kind), (column) => column.notNull())
      .addPrimaryKeyConstraint('event_hours_key', ['hour', 'series_id'] as never).modifyEnd(strict(kind, 'strict, without rowid')).execute();
    await database.schema.createIndex('event_hours_by_series').on('event_hours').columns(['series_id', 'hour']).execute();
    await database.schema.createTable('tracks').addColumn('camera', 'text', (column) => column.notNull()).addColumn('model', 'text', (column) => column.notNull())
      .addColumn('track_id', big, (column) => column.notNull()).addColumn('first_us', big, (column) => column.notNull()).addColumn('last_us', big, (column) => column.notNull())
      .addColumn('class_name', 'text', (column) => column.notNull()).addColumn('score', real(kind), (column) => column.notNull()).addColumn('body', 'text', (column) => column.notNull())
      .addColumn('end_reason', 'text').addPrimaryKeyConstraint('tracks_key', ['camera', 'model', 'first_us', 'track_id'] as never).modifyEnd(strict(kind)).execute();
    await database.schema.createIndex('tracks_by_time').on('tracks').columns(['first_us']).execute();
  },
  async '002-people'(database, kind) {
    const big = bigInteger(kind);
    const numbered = (table: string) => database.schema.createTable(table)
      .addColumn('id', 'integer', (column) => (kind === 'sqlite' ? column.primaryKey().autoIncrement() : column.primaryKey().generatedAlwaysAsIdentity()));
    await numbered('users').addColumn('name', 'text', (column) => column.notNull().unique()).addColumn('password', 'text', (column) => column.notNull())
      .addColumn('is_one_time', 'integer', (column) => column.notNull()).addColumn('role', 'text', (column) => column.notNull()).addColumn('cameras', 'text')
      .addColumn('active', 'integer', (column) => column.notNull()).addColumn('created_us', big, (column) => column.notNull()).modifyEnd(strict(kind)).execute();
    await database.schema.createTable('sessions').addColumn('hash', 'text', (column) => column.primaryKey())
      .addColumn('user_id', 'integer', (column) => column.notNull().references('users.id').onDelete('cascade')).addColumn('must_change', 'integer', (column) => column.notNull())
      .addColumn('created_us', big, (column) => column.notNull()).addColumn('seen_us', big, (column) => column.notNull()).modifyEnd(strict(kind)).execute();
    await numbered('tokens').addColumn('hash', 'text', (column) => column.notNull().unique())
      .addColumn('user_id', 'integer', (column) => column.notNull().references('users.id').onDelete('cascade')).addColumn('name', 'text', (column) => column.notNull())
      .addColumn('scopes', 'text', (column) => column.notNull()).addColumn('cameras', 'text').addColumn('created_us', big, (column) => column.notNull())
      .addColumn('expires_us', big).addColumn('used_us', big).modifyEnd(strict(kind)).execute();
    let audit = numbered('audit').addColumn('at_us', big, (column) => column.notNull());
    for (const part of ['actor', 'action', 'camera', 'detail', 'address']) audit = audit.addColumn(part, 'text', (column) => column.notNull());
    await audit.modifyEnd(strict(kind)).execute();
    await database.schema.createIndex('audit_by_time').on('audit').columns(['at_us']).execute();
  },
  async '003-seen'(database, kind) {
    const big = bigInteger(kind);
    await database.schema.alterTable('users').addColumn('seen_before_us', big, (column) => column.notNull().defaultTo(0)).execute();
    await database.schema.createTable('seen_events').addColumn('event_id', big, (column) => column.notNull().references('events.id').onDelete('cascade'))
      .addColumn('user_id', 'integer', (column) => column.notNull().references('users.id').onDelete('cascade'))
      .addPrimaryKeyConstraint('seen_events_key', ['event_id', 'user_id'] as never).modifyEnd(strict(kind, 'strict, without rowid')).execute();
  },
  async '004-couriers'(database, kind) {
    const big = bigInteger(kind);
    await database.schema.createTable('couriers').addColumn('target', 'text', (column) => column.primaryKey()).addColumn('last_event_id', big, (column) => column.notNull()).modifyEnd(strict(kind)).execute();
    await database.schema.createTable('dead_letters').addColumn('id', 'integer', (column) => (kind === 'sqlite' ? column.primaryKey().autoIncrement() : column.primaryKey().generatedAlwaysAsIdentity()))
      .addColumn('target', 'text', (column) => column.notNull()).addColumn('event_id', big, (column) => column.notNull()).addColumn('at_us', big, (column) => column.notNull())
      .addColumn('attempts', 'integer', (column) => column.notNull()).addColumn('error', 'text', (column) => column.notNull()).modifyEnd(strict(kind)).execute();
  },
  async '005-oidc'(database) {
    await database.schema.alterTable('users').addColumn('subject', 'text').execute();
    await database.schema.createIndex('users_by_subject').unique().on('users').columns(['subject']).execute();
  },
  // Events of the nodes of a site come by two ways. Partial: a node by itself pays nothing.
  async '006-site'(database, kind) {
    if (kind === 'sqlite') return;
    await sql`create unique index events_of_nodes on events (source, source_id, at_us) where source like '%/%'`.execute(database);
    await sql`alter table followed alter column epoch type bigint`.execute(database);
    await sql`create table turns (name text primary key, holder text not null, until timestamptz not null)`.execute(database);
  },
  // Events of a node whose server is away are brought by another one.
  async '007-stand-ins'(database, kind) {
    if (kind === 'sqlite') return;
    await sql`alter table couriers add column since_event_id bigint not null default 0, add column address text, add column hears text, add column time_zone text, add column holder text not null default '',
      add column until timestamptz not null default '-infinity', add column own_until timestamptz not null default '-infinity'`.execute(database);
    await sql`update couriers set since_event_id = last_event_id, address = ''`.execute(database);
    await sql`create table nodes (node text primary key, before_event_id bigint not null)`.execute(database);
  },
  // A broker is told of a node's events under that node's topics.
  async '008-topics'(database, kind) {
    if (kind === 'sqlite') return;
    await sql`alter table couriers add column topics text`.execute(database);
  },
};

/** Throws `store_unavailable` for a database of a newer Ruth. Two that start at once wait for one another. */
export async function migrate(database: Kysely<Tables>, kind: Kind): Promise<void> {
  const migrations = Object.fromEntries(Object.entries(STEPS).map(([name, step]) => [name, { up: (transaction: Kysely<never>) => step(transaction, kind) }]));
  const { error } = await new Migrator({ db: database, provider: { getMigrations: async () => migrations } }).migrateToLatest();
  if (!error) return;
  const missing = /previously executed migration (\S+) is missing/.exec((error as Error).message)?.[1];
  if (missing === undefined) throw error as Error;
  throw new RuthError('store_unavailable', `the store is of a newer Ruth (it has ${missing}); update Ruth, or name another data directory`, { cause: error });
}
