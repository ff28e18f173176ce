// Nodes of a site ask one another over NATS what they have recorded of a camera: subject `ruth.holdings.<node>`. Nothing is kept there: who is away does not answer.
import { Holdings, HoldingsRequest, RuthError, validator, type SiteClock } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { differenceOf, type NodeClock } from './node-clock.ts';
import { encodeToken } from './records.ts';
import type { SiteStore } from './site-store.ts';

const ANSWER_LIMIT_MS = 3000;
/** Each is some calls of the kernel. */
const MOST_AT_ONCE = 8;
const holdingsRequest = validator(HoldingsRequest);
const heldSpans = validator(Holdings);

const subjectOf = (node: string): string => `ruth.holdings.${encodeToken(node)}`;

/** Null where that node is away, or cannot say. `clock`: of that one, against this one, and by how much what it dated may be wrong; null where it does not tell. */
export async function askHoldings({ connection }: SiteStore, node: string, request: HoldingsRequest, own: NodeClock): Promise<{ readonly holdings: Holdings; readonly clock: SiteClock | null } | null> {
  try {
    const sentS = own.nowS;
    const answer = await connection.request(subjectOf(node), JSON.stringify(request), { timeout: ANSWER_LIMIT_MS });
    const receivedS = own.nowS;
    const holdings = heldSpans.parse(JSON.parse(answer.string()), 'internal');
    if (!holdings.clock) return { holdings, clock: null };
    const { asked: askedS, answered: answeredS, set_s: setS } = holdings.clock;
    const difference = differenceOf({ sentS, receivedS, askedS, answeredS });
    return { holdings, clock: { ...difference, within_s: difference.within_s + setS + own.setSince(request.start) } };
  } catch {
    return null;
  }
}

/** Until `signal` aborts. A question that cannot be answered is not: who asks goes by silence. */
export async function answerHoldings({ connection }: SiteStore, node: string, holdings: (request: HoldingsRequest) => Promise<Holdings>, { signal, logger, clock }: { signal: AbortSignal; logger: Logger; clock: NodeClock }): Promise<void> {
  const questions = connection.subscribe(subjectOf(node));
  signal.addEventListener('abort', () => questions.unsubscribe(), { once: true });
  let underWay = 0;
  for await (const question of questions) {
    if (underWay >= MOST_AT_ONCE) continue;
    underWay++;
    const asked = clock.nowS;
    const answer = async (): Promise<Holdings> => {
      const request = holdingsRequest.parse(JSON.parse(question.string()));
      return { ...await holdings(request), clock: { asked, answered: clock.nowS, set_s: clock.setSince(request.start) } };
    };
    void answer().then((held) => question.respond(JSON.stringify(held)))
      .catch((cause: unknown) => logger.debug({ code: RuthError.from(cause).code }, `another node asked what is recorded here, and was not answered: ${(cause as Error).message}`))
      .finally(() => { underWay--; });
  }
}
