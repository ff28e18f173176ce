// Who asks, and what they may do. Made once for a request or a connection; everything else asks it.
import { RuthError, type Permission } from '@ruth/protocol';

export interface Identity {
  /** `admin`, `token <name>`. */
  readonly name: string;
  readonly kind: 'person' | 'token';
  /** Null for the fixed token, which belongs to nobody. */
  readonly userId: number | null;
  readonly permissions: ReadonlySet<Permission>;
  /** Ids of cameras that may be seen; null for all. */
  readonly cameras: ReadonlySet<string> | null;
  /** A new password must be chosen first; until then there are no permissions. */
  readonly mustChange: boolean;
  /** No password of their own was chosen yet. */
  readonly hasOneTimePassword?: boolean;
  /** Of the session, where there is one. */
  readonly sessionHash: string | null;
}

export function maySee({ permissions, cameras }: Identity, cameraId: string): boolean {
  return permissions.has('view') && (cameras === null || cameras.has(cameraId));
}

/** Throws `forbidden`. Says the same of a camera that there is and of one that there is not. */
export function assertMaySee(identity: Identity, cameraId: string): void {
  if (!maySee(identity, cameraId)) throw new RuthError('forbidden', `${identity.name} may not see the camera ${cameraId}`);
}

/** Throws `forbidden`. */
export function assertMay(identity: Identity, permission: Permission): void {
  if (identity.permissions.has(permission)) return;
  throw new RuthError('forbidden', identity.mustChange ? 'choose a new password first: PUT /api/v1/session/password' : `${identity.name} may not do that: it needs the permission ${permission}`);
}
