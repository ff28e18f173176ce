// Rules that are tried on what a camera saw in the last hour: core keeps the looks and understands them anew. What is wrong with rules and scene
// is said here, all of it, each with its place.
import { ErrorBody, meaningProblems, RuleTest, RuleTestRequest, SceneConfig, validator } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import { checksBody, problemsError } from '../request-body.ts';
import type { Upstream } from '../upstream.ts';

const ruleTest = validator(RuleTest);
const scenes = validator(SceneConfig);
/** Core gives up after twenty seconds. */
const TEST_TIMEOUT_MS = 55_000;
const MOST_BYTES = 512 * 1024;

export function addRuleTests(app: FastifyInstance, core: Upstream): void {
  app.post<{ Params: { id: string }; Body: RuleTestRequest }>('/api/v1/cameras/:id/rules/test', { bodyLimit: MOST_BYTES, ...checksBody(RuleTestRequest, { response: { 200: RuleTest, default: ErrorBody } }) }, async ({ params: { id }, body }) => {
    const scene = body.scene ?? await core.get(`/v1/cameras/${id}/scene`, scenes);
    const problem = problemsError(meaningProblems({ scene, rules: body.rules }).map(({ path, message }) => ({ pointer: `/${path.join('/')}`, message })));
    if (problem) throw problem;
    return core.send('POST', `/v1/cameras/${id}/rules/test`, { ...body, scene }, ruleTest, TEST_TIMEOUT_MS);
  });
}
