// The codecs of cameras that Ruth reads, by FFmpeg's names: H.264 and H.265.
export type VideoCodec = 'h264' | 'hevc';
