// Follows the events of this node's core and kernel into its outbox, whether or not there is a site to bring them to at the moment.
import { CoreEvent, coreSocketPath, KernelEvent, kernelSocketPath, validator, type Validator } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { EventFollower, EventRecorder } from '@ruth/transport/follow';
import { keptForSite, type Outbox, type OutboxEvent, type OutboxSource } from './outbox.ts';

/** Events that come one by one are written, and fsynced, together. */
const GATHER_MS = 100;

/** One of the two. */
class SourceIntake<E extends CoreEvent | KernelEvent> {
  readonly recorder: EventRecorder<OutboxSource, E, OutboxEvent>;
  readonly #follower: EventFollower<E>;

  private constructor(source: OutboxSource, socketPath: string, event: Validator<E>, outbox: Outbox, logger: Logger, position: Awaited<ReturnType<Outbox['positionOf']>>) {
    this.recorder = new EventRecorder<OutboxSource, E, OutboxEvent>({ source, sink: outbox, keep: keptForSite, logger, position, gatherMs: GATHER_MS, resume: () => this.#follower.restart() });
    this.#follower = new EventFollower<E>({
      name: source, socketPath, logger, event, after: () => this.recorder.position.lastId, onOpen: () => this.recorder.opened(), onEvent: (received, text) => this.recorder.offer(received, text),
    });
  }

  static async begin<E extends CoreEvent | KernelEvent>(source: OutboxSource, socketPath: string, event: Validator<E>, outbox: Outbox, logger: Logger): Promise<SourceIntake<E>> {
    return new SourceIntake(source, socketPath, event, outbox, logger, await outbox.positionOf(source));
  }

  async run(signal: AbortSignal): Promise<void> { await Promise.all([this.#follower.run(signal), this.recorder.run(signal)]); }
}

/** Ends when `signal` aborts, after a last try to keep what came. */
export async function followNode(socketDirectory: string, outbox: Outbox, logger: Logger, signal: AbortSignal): Promise<void> {
  const intakes = await Promise.all([
    SourceIntake.begin('core', coreSocketPath(socketDirectory), validator(CoreEvent), outbox, logger),
    SourceIntake.begin('kernel', kernelSocketPath(socketDirectory), validator(KernelEvent), outbox, logger),
  ]);
  await Promise.all(intakes.map((intake) => intake.run(signal)));
}
