// Whether a recording plays: every picture of it is decoded.
import { Decoder, Demuxer } from 'node-av/api';
import { AV_LOG_QUIET } from 'node-av/constants';
import { Log } from 'node-av/lib';

/** Says why it does not, or null. */
export async function whyUnplayable(path: string): Promise<string | null> {
  Log.setLevel(AV_LOG_QUIET);
  try {
    await using demuxer = await Demuxer.open(path);
    const video = demuxer.video();
    if (!video) return 'it has no video';
    using decoder = await Decoder.create(video);
    let pictures = 0;
    for await (using frame of decoder.frames(demuxer.packets(video.index))) {
      if (!frame) continue;
      if (frame.decodeErrorFlags !== 0) return `picture ${pictures} is damaged`;
      pictures++;
    }
    return pictures === 0 ? 'it has no picture' : null;
  } catch (error) {
    return (error as Error).message;
  }
}
