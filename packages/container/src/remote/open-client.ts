// The client that an address asks for. Only what that takes is loaded.
import type { OipClient, OipTarget } from './oip-client.ts';

export async function openClient(target: OipTarget): Promise<OipClient> {
  if (/^https?:/.test(target.url)) return (await import('./oip-http.ts')).OipHttp.open(target);
  return new (await import('./oip-grpc.ts')).OipGrpc(target);
}
