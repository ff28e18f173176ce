// HTTP as the server speaks it, before any route: its limits, whose addresses it believes, and how errors are told.
import { isIPv6 } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifyWebsocket from '@fastify/websocket';
import { redactUrls, RuthError, type ErrorBody, type ErrorCode } from '@ruth/protocol';
import { networks } from '@ruth/transport';
import { fastify, LogController, type FastifyBaseLogger, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { RateLimited } from './access/attempts.ts';
import { guardingHeaders, REQUEST_TIMEOUT_MS } from './request-guard.ts';
import type { ServerOptions } from './server-options.ts';
import type { Certificate } from './tls.ts';

/** Without routes. Throws `invalid_config` where a proxy that is to be trusted is no address. */
export async function openHttp(options: Pick<ServerOptions, 'logger' | 'trustedProxies'>, certificate: Certificate | null): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = options.logger;
  const { trustedProxies: proxies = [] } = options;
  const app = fastify({
    ...(certificate && { https: certificate }),
    loggerInstance, logController: new LogController({ disableRequestLogging: true }), bodyLimit: 64 * 1024, forceCloseConnections: true,
    // Of an address that cannot be read: no hook sees it.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => void reply.code(400).headers(guardingHeaders(request, reply, certificate !== null)).send(errorBody(new RuthError('bad_request', 'the address cannot be read: % must be followed by two hexadecimal digits'))),
    ...(proxies.length > 0 && { trustProxy: trusting(proxies) }),
    // What a request says beyond its schema is a mistake to be told, not to be dropped.
    ajv: { customOptions: { removeAdditional: false } },
  }) as unknown as FastifyInstance;
  // Of bodies, request-guard.ts has the limit.
  app.server.headersTimeout = REQUEST_TIMEOUT_MS;
  app.setErrorHandler((error: FastifyError | RuthError, request, reply) => {
    const known = error instanceof RuthError ? error : new RuthError(codeOfStatus(error.statusCode), error.message, { cause: error });
    if (known.code === 'internal') request.log.error({ err: error }, known.message);
    if (known instanceof RateLimited) void reply.header('retry-after', known.retryAfterS);
    // What nobody foresaw may name files, hosts or rows: it is in the log, and for whoever administers.
    const isTold = known.code !== 'internal' || request.identity?.permissions.has('administer') === true;
    return reply.code(known.httpStatus).send(errorBody(known, isTold));
  });
  app.setNotFoundHandler((request) => { throw new RuthError('not_found', `there is nothing at ${request.url.slice(0, 200)}`); });
  await app.register(fastifyWebsocket, { options: { maxPayload: 64 * 1024, perMessageDeflate: false } });
  await app.register(fastifyCookie);
  return app;
}

function errorBody({ code, message, advice, problems }: RuthError, isTold = true): ErrorBody {
  return {
    error: isTold ? redactUrls(message) : 'something went wrong inside; the log of the server says what', error_code: code, advice,
    ...(problems.length === 0 ? {} : { problems: problems.map((problem) => ({ pointer: problem.pointer, message: redactUrls(problem.message) })) }),
  };
}

/** Throws `invalid_config`. */
function trusting(proxies: readonly string[]): (address: string) => boolean {
  const list = networks(proxies);
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function codeOfStatus(status: number | undefined): ErrorCode {
  if (status === 404) return 'not_found';
  if (status === 401) return 'unauthorized';
  if (status === 413) return 'message_too_large';
  return status !== undefined && status < 500 ? 'bad_request' : 'internal';
}
