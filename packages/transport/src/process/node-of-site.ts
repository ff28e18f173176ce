import { hostname } from 'node:os';
import { isId, RuthError, type SiteConfig } from '@ruth/protocol';

/** The name of this node in its site: that of the machine unless told. Throws `invalid_config` where that is no id. */
export function nodeOfSite({ node = hostname() }: SiteConfig): string {
  if (!isId(node)) throw new RuthError('invalid_config', `the name of this machine, ${JSON.stringify(node)}, is no id: name the node with site.node in ruth.yaml`);
  return node;
}
