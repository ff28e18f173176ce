// What is missing in a list that joins what all nodes of a site have, in words, and of which nodes it is.
import type { NotAsked } from '@ruth/protocol';

export function notAskedText({ parts, more }: NotAsked): string {
  const told = parts.map(({ node, error }) => (node === null || error.includes(node) ? error : `${node}: ${error}`));
  return [...told, ...(more > 0 ? [`and ${more} more nodes`] : [])].join('; ');
}

/** Whether what this node has is missing. Where more are missing than are named, it may be. */
export const isMissing = (notAsked: NotAsked | null | undefined, node: string | undefined): boolean => notAsked != null && node !== undefined && (notAsked.more > 0 || notAsked.parts.some((part) => part.node === node));
