// What a node is called in its site.
import { hostname } from 'node:os';
import { isId, RuthError, type SiteConfig } from '@ruth/protocol';

/** Throws `invalid_config`. */
export function nodeName({ node }: SiteConfig): string {
  if (node !== undefined) return node;
  const name = hostname();
  if (!isId(name)) throw new RuthError('invalid_config', `the name of this machine, ${JSON.stringify(name)}, is no id: name the node with site.node in ruth.yaml`);
  return name;
}
