// HLS playlists of several nodes about one camera, as one (RFC 8216): each file with the node that has it, in the order in which they were recorded, and a
// discontinuity where the next one is another node's.

/** Lines of one file: its map, its date, its pieces. */
interface Block { readonly node: string; readonly dateMs: number; readonly isDiscontinuous: boolean; readonly lines: readonly string[] }
interface Playlist { readonly head: readonly string[]; readonly blocks: readonly Block[]; readonly isEnded: boolean }

const END = '#EXT-X-ENDLIST';
const DISCONTINUITY = '#EXT-X-DISCONTINUITY';
const DATE = '#EXT-X-PROGRAM-DATE-TIME:';
const TARGET = '#EXT-X-TARGETDURATION:';
const MAP = /^(#EXT-X-MAP:URI=")([^"]+)(".*)$/;

/** At least one; it goes on where one of them does. */
export function joinPlaylists(parts: readonly { readonly node: string; readonly text: string }[]): string {
  const playlists = parts.map(({ node, text }) => parse(node, text));
  const blocks = playlists.flatMap((playlist) => playlist.blocks).toSorted((one, other) => one.dateMs - other.dateMs);
  const first = playlists.find((playlist) => playlist.blocks[0] === blocks[0]) ?? playlists[0]!;
  const longestS = Math.max(...playlists.map(({ head }) => Number(head.find((line) => line.startsWith(TARGET))?.slice(TARGET.length) ?? 0)));
  const isEnded = playlists.every((playlist) => playlist.isEnded);
  const head = first.head.map((line) => (line.startsWith(TARGET) ? `${TARGET}${longestS}` : line.startsWith('#EXT-X-PLAYLIST-TYPE:') ? `#EXT-X-PLAYLIST-TYPE:${isEnded ? 'VOD' : 'EVENT'}` : line));
  const body = blocks.flatMap(({ node, isDiscontinuous, lines }, at) => [...(at > 0 && (isDiscontinuous || blocks[at - 1]!.node !== node) ? [DISCONTINUITY] : []), ...lines]);
  return [...head, ...body, ...(isEnded ? [END] : []), ''].join('\n');
}

function parse(node: string, text: string): Playlist {
  const head: string[] = [];
  const blocks: { node: string; dateMs: number; isDiscontinuous: boolean; lines: string[] }[] = [];
  const named = (uri: string): string => `${uri}?node=${encodeURIComponent(node)}`;
  let isDiscontinuous = false;
  for (const line of text.split('\n')) {
    if (line === '' || line === END) continue;
    const [, before, uri, after] = MAP.exec(line) ?? [];
    if (line === DISCONTINUITY) isDiscontinuous = true;
    else if (uri !== undefined) {
      blocks.push({ node, dateMs: 0, isDiscontinuous, lines: [`${before}${named(uri)}${after}`] });
      isDiscontinuous = false;
    } else if (blocks.length === 0) head.push(line);
    else {
      const block = blocks.at(-1)!;
      if (line.startsWith(DATE)) block.dateMs = Date.parse(line.slice(DATE.length));
      block.lines.push(line.startsWith('#') ? line : named(line));
    }
  }
  return { head, blocks, isEnded: text.includes(END) };
}
