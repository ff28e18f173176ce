// What a server is told: where it listens, what it stands on, whom it tells.
import type { MqttConfig, NotificationsConfig, OidcConfig, TlsSettings } from '@ruth/protocol';
import type { Logger, Telemetry } from '@ruth/transport';
import type { Identify } from './access/index.ts';
import type { StoreAddress } from './store/index.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Null: HTTP without encryption. */
  readonly tls?: TlsSettings | null;
  /** Addresses and networks of proxies in front, whose X-Forwarded-For counts. */
  readonly trustedProxies?: readonly string[];
  readonly socketDirectory: string;
  /** Ids of the models that shall run. */
  readonly models: readonly string[];
  /** Where the built page is. */
  readonly pageDirectory: string;
  readonly store: StoreAddress;
  /** Of events that no recording belongs to; null: kept for ever. */
  readonly eventMaxAgeDays?: number | null;
  /** Events stay until they are that old, although their recordings are gone. */
  readonly eventsOutliveRecordings?: boolean;
  /** What is kept is copied to a bucket. */
  readonly copies?: boolean;
  readonly logger: Logger;
  /** A broker that is told what happens. */
  readonly mqtt?: MqttConfig | null;
  readonly notifications?: NotificationsConfig;
  /** Where people sign in who have no password here. */
  readonly oidc?: OidcConfig | null;
  /** Of the process, for secrets that the settings name in it. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** IANA name in which quiet times are meant; null for that of the machine. */
  readonly timeZone?: string | null;
  /** RUTH_ADMIN_TOKEN: who sends it may do everything. */
  readonly adminToken?: string | null;
  /** This node is one of several; what the others have is shown too, where the store is PostgreSQL, which all of them share. */
  readonly site?: { readonly node: string; readonly caFile: string | null; readonly pipesFromViewers?: number } | null;
  /** Takes the place of sessions and tokens; for tests of other things. */
  readonly identify?: Identify;
  /** Where requests and the storing of events are traced; nowhere unless told. Whoever started it ends it. */
  readonly telemetry?: Telemetry | null;
}

/** The store is one that all nodes of a site share. */
export const isOfSite = (store: StoreAddress): boolean => store.kind === 'postgres' && store.node !== undefined;
