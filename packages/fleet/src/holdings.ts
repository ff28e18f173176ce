// Nodes of a site ask one another over NATS what they have recorded of a camera: subject `ruth.holdings.<node>`. Nothing is kept there: who is away does not answer.
import { Holdings, HoldingsRequest, RuthError, validator } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { encodeToken } from './records.ts';
import type { SiteStore } from './site-store.ts';

const ANSWER_LIMIT_MS = 3000;
/** Each is some calls of the kernel. */
const MOST_AT_ONCE = 8;
const holdingsRequest = validator(HoldingsRequest);
const heldSpans = validator(Holdings);

const subjectOf = (node: string): string => `ruth.holdings.${encodeToken(node)}`;

/** Null where that node is away, or cannot say. */
export async function askHoldings({ connection }: SiteStore, node: string, request: HoldingsRequest): Promise<Holdings | null> {
  try {
    const answer = await connection.request(subjectOf(node), JSON.stringify(request), { timeout: ANSWER_LIMIT_MS });
    return heldSpans.parse(JSON.parse(answer.string()), 'internal');
  } catch {
    return null;
  }
}

/** Until `signal` aborts. A question that cannot be answered is not: who asks goes by silence. */
export async function answerHoldings({ connection }: SiteStore, node: string, holdings: (request: HoldingsRequest) => Promise<Holdings>, { signal, logger }: { signal: AbortSignal; logger: Logger }): Promise<void> {
  const questions = connection.subscribe(subjectOf(node));
  signal.addEventListener('abort', () => questions.unsubscribe(), { once: true });
  let underWay = 0;
  for await (const question of questions) {
    if (underWay >= MOST_AT_ONCE) continue;
    underWay++;
    void (async () => question.respond(JSON.stringify(await holdings(holdingsRequest.parse(JSON.parse(question.string()))))))()
      .catch((cause: unknown) => logger.debug({ code: RuthError.from(cause).code }, `another node asked what is recorded here, and was not answered: ${(cause as Error).message}`))
      .finally(() => { underWay--; });
  }
}
