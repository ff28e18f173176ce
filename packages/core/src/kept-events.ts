// The store of core's events in shared memory: what core has emitted is there for its consumers also when core is killed with
// it still on the way to them. Core goes on without it where it cannot be had, and says so.
import { coreEventsPath, RuthError } from '@ruth/protocol';
import { EventStore, type Logger } from '@ruth/transport';

/** Some 10,000 looks. */
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_EVENTS = 16_384;

/** Null where events are kept by the process alone. */
export function openKeptEvents(ringDirectory: string, logger: Logger): EventStore | null {
  const path = coreEventsPath(ringDirectory);
  try {
    return EventStore.open(path, MAX_BYTES, MAX_EVENTS);
  } catch (cause) {
    const { code, message } = RuthError.from(cause);
    logger.warn({ code }, `events that are on their way when core is killed will be lost: ${message}`);
    return null;
  }
}
