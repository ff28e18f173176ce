// Every route there is, what it needs, and where its camera is named. A route that is not here is not served: the server does not start
// with one. Who asks is checked against this table before a route sees the request (route-guard.ts), and nowhere else.
import type { Permission } from '@ruth/protocol';

export interface RouteRule {
  /** `open`: anybody. `known`: whoever is signed in, also before a new password is chosen. */
  readonly needs: Permission | 'open' | 'known';
  /**
   * Where the camera is named that must be allowed: parameter `id`, query `camera`, `camera_id` of the body, or the export of that id.
   * `each`: the route itself leaves out what may not be seen. Absent: nothing of a camera is in it.
   */
  readonly camera?: 'id' | 'query' | 'body' | 'export' | 'each';
  /**
   * Of recordings, where several nodes of a site have some of the camera. `joined`: what all have, as one. `file`, `instant`, `span`: the node that has it. `each`: every one
   * that has some. Absent: the node that has the camera now.
   */
  readonly recorded?: 'joined' | 'file' | 'instant' | 'span' | 'each';
  /** A camera of the site is asked for and changed here, whichever node has it: that one may be away. */
  readonly ofSite?: 'here';
  /** Noted once a minute for the same person and camera: somebody saw it. */
  readonly saw?: string;
  /** Noted each time: somebody did it. */
  readonly did?: string;
}

const OPEN: RouteRule = { needs: 'open' };
const KNOWN: RouteRule = { needs: 'known' };
const ADMINISTER: RouteRule = { needs: 'administer' };

export const ROUTE_TABLE: Readonly<Record<string, RouteRule>> = {
  // The page without anything in it, and the way to sign in.
  'GET /': OPEN, 'GET /sign-in': OPEN, 'GET /favicon.svg': OPEN, 'GET /assets/*': OPEN,
  'GET /api/v1/health': OPEN, 'GET /api/v1/openapi.json': KNOWN,
  'GET /api/v1/session/ways': OPEN, 'GET /api/v1/session/oidc': OPEN, 'GET /api/v1/session/oidc/callback': OPEN,
  'POST /api/v1/session': OPEN, 'GET /api/v1/session': KNOWN, 'DELETE /api/v1/session': KNOWN, 'PUT /api/v1/session/password': KNOWN,
  // What the node is and does.
  'GET /api/v1/cameras': { needs: 'view', camera: 'each' },
  'GET /api/v1/models': { needs: 'view' },
  'GET /api/v1/subscriptions': { needs: 'view', camera: 'each' },
  'GET /api/v1/storage': { needs: 'view' }, 'GET /api/v1/processes': { needs: 'view' }, 'GET /api/v1/latencies': { needs: 'view' }, 'GET /api/v1/system': { needs: 'view' },
  'GET /api/v1/site': { needs: 'view' }, 'PATCH /api/v1/site/nodes/:id': ADMINISTER, 'GET /api/v1/copies': ADMINISTER,
  'GET /metrics': { needs: 'metrics' },
  // What was and is seen.
  'GET /api/v1/cameras/:id/scene': { needs: 'view', camera: 'id' },
  'GET /api/v1/detections/latest': { needs: 'view', camera: 'query' },
  'GET /api/v1/live': { needs: 'view', camera: 'each' },
  'GET /api/v1/events': { needs: 'view', camera: 'each' }, 'GET /api/v1/events/counts': { needs: 'view', camera: 'each' }, 'GET /api/v1/events/:id': { needs: 'view', camera: 'each' },
  'PUT /api/v1/events/:id/seen': { needs: 'view', camera: 'each' }, 'DELETE /api/v1/events/:id/seen': { needs: 'view', camera: 'each' }, 'POST /api/v1/events/seen': { needs: 'view', camera: 'each' },
  'POST /api/v1/recorded': { needs: 'view', camera: 'each' },
  'GET /api/v1/tracks': { needs: 'view', camera: 'each' },
  'GET /api/v1/cameras/:id/live': { needs: 'view', camera: 'id', saw: 'live video' }, 'GET /api/v1/cameras/:id/webrtc': { needs: 'view', camera: 'id', saw: 'live video' },
  'GET /api/v1/cameras/:id/pipe': { needs: 'view', camera: 'id' }, 'GET /api/v1/pipes/:id': { needs: 'view', camera: 'each' },
  'POST /api/v1/cameras/:id/whep': { needs: 'view', camera: 'id', saw: 'live video' }, 'OPTIONS /api/v1/cameras/:id/whep': { needs: 'view', camera: 'id' },
  'PATCH /api/v1/cameras/:id/whep/:session': { needs: 'view', camera: 'id' }, 'DELETE /api/v1/cameras/:id/whep/:session': { needs: 'view', camera: 'id' },
  'GET /api/v1/cameras/:id/timeline': { needs: 'view', camera: 'id', recorded: 'joined' }, 'GET /api/v1/cameras/:id/keyframes': { needs: 'view', camera: 'id', recorded: 'joined' },
  'GET /api/v1/cameras/:id/snapshot.jpg': { needs: 'view', camera: 'id', recorded: 'instant', saw: 'a picture' },
  'GET /api/v1/cameras/:id/hls/index.m3u8': { needs: 'view', camera: 'id', recorded: 'joined', saw: 'a recording' }, 'GET /api/v1/cameras/:id/hls/:file/:name': { needs: 'view', camera: 'id', recorded: 'file', saw: 'a recording' },
  'GET /api/v1/cameras/:id/segments/:name': { needs: 'view', camera: 'id', recorded: 'file', saw: 'a recording' },
  // What is changed and taken away.
  'PUT /api/v1/cameras/:id/kept': { needs: 'operate', camera: 'id', recorded: 'each', did: 'kept a recording' }, 'DELETE /api/v1/cameras/:id/kept': { needs: 'operate', camera: 'id', recorded: 'each', did: 'let a recording go' },
  'POST /api/v1/exports': { needs: 'operate', camera: 'body', recorded: 'span', did: 'exported' }, 'POST /api/v1/clips': { needs: 'operate', camera: 'body', recorded: 'span', did: 'exported' },
  'GET /api/v1/exports/:id': { needs: 'operate', camera: 'export' }, 'DELETE /api/v1/exports/:id': { needs: 'operate', camera: 'export', did: 'deleted an export' },
  'GET /api/v1/exports/:id/file': { needs: 'operate', camera: 'export', did: 'downloaded an export' },
  'GET /api/v1/verifications': { needs: 'operate', camera: 'each' }, 'POST /api/v1/verifications': { needs: 'operate', camera: 'each' },
  'GET /api/v1/verifications/:id': { needs: 'operate', camera: 'each' }, 'DELETE /api/v1/verifications/:id': { needs: 'operate', camera: 'each' },
  // The cameras of the node, what is looked for at them. Settings tell no credentials; a probe tells what a URL answers, so it is for whoever may name one.
  'GET /api/v1/camera-settings': { needs: 'view', camera: 'each' }, 'GET /api/v1/cameras/:id/settings': { needs: 'view', camera: 'id', ofSite: 'here' },
  'POST /api/v1/cameras': ADMINISTER, 'PATCH /api/v1/cameras/:id': { needs: 'administer', camera: 'id', ofSite: 'here' }, 'DELETE /api/v1/cameras/:id': { needs: 'administer', camera: 'id', ofSite: 'here' },
  'PATCH /api/v1/cameras/:id/intent': { needs: 'operate', camera: 'id', ofSite: 'here' }, 'POST /api/v1/cameras/:id/rules/test': { needs: 'operate', camera: 'id' },
  'POST /api/v1/cameras/probe': { needs: 'administer', did: 'probed a camera' }, 'POST /api/v1/cameras/discover': { needs: 'administer', did: 'searched for cameras' },
  // The models of the node.
  'GET /api/v1/models/installed': { needs: 'view' }, 'GET /api/v1/models/offered': { needs: 'view' }, 'GET /api/v1/models/:id/preview.jpg': { needs: 'view' },
  'POST /api/v1/models/:id/enable': ADMINISTER, 'POST /api/v1/models/:id/disable': ADMINISTER, 'POST /api/v1/models/:id/rollback': ADMINISTER, 'DELETE /api/v1/models/:id': ADMINISTER,
  'GET /api/v1/model-jobs': ADMINISTER, 'POST /api/v1/model-jobs': ADMINISTER, 'GET /api/v1/model-jobs/:id': ADMINISTER, 'DELETE /api/v1/model-jobs/:id': ADMINISTER, 'GET /api/v1/model-jobs/:id/picture.jpg': ADMINISTER,
  'POST /api/v1/model-uploads': ADMINISTER, 'DELETE /api/v1/model-uploads/:id': ADMINISTER,
  // People and tokens. A token of one's own needs no more than to be signed in with a password.
  'GET /api/v1/users': ADMINISTER, 'POST /api/v1/users': ADMINISTER, 'PATCH /api/v1/users/:name': ADMINISTER, 'DELETE /api/v1/users/:name': ADMINISTER,
  'GET /api/v1/tokens': { needs: 'view' }, 'POST /api/v1/tokens': { needs: 'view' }, 'DELETE /api/v1/tokens/:id': { needs: 'view' },
  'GET /api/v1/audit': { needs: 'administer', saw: 'the audit log' },
  // Who is told of what.
  'GET /api/v1/deliveries': ADMINISTER, 'GET /api/v1/dead-letters': ADMINISTER, 'POST /api/v1/dead-letters/:id/retry': ADMINISTER, 'DELETE /api/v1/dead-letters/:id': ADMINISTER,
};

/** What answers GET answers HEAD. */
export const ruleOf = (method: string, url: string): RouteRule | undefined => ROUTE_TABLE[`${method === 'HEAD' ? 'GET' : method} ${url}`];
