// Opens a camera for a probe by the first way that works: RTP inside the connection read by ourselves, then by FFmpeg, then over UDP.
import { RuthError } from '@ruth/protocol';
import { FfmpegSource } from '../ingest/ffmpeg-source.ts';
import type { PacketSource, SourceOptions } from '../ingest/packet-source.ts';
import { RtspTcpSource } from '../ingest/rtsp/rtsp-tcp-source.ts';

export interface OpenedCamera {
  readonly source: PacketSource;
  readonly transport: 'tcp' | 'udp';
  /** Why the ways before it were not taken, by transport. */
  readonly refused: Readonly<Record<string, string>>;
  /** Our own reader does not understand this camera. */
  readonly readByFfmpeg: boolean;
}

/** `transport` null tries both. Throws what the first way threw where none works. */
export async function openCamera(options: Omit<SourceOptions, 'transport'>, transport: 'tcp' | 'udp' | null): Promise<OpenedCamera> {
  if (transport === 'udp') return { source: await FfmpegSource.open({ ...options, transport }), transport, refused: {}, readByFfmpeg: false };
  try {
    return { source: await RtspTcpSource.open({ ...options, transport: 'tcp' }), transport: 'tcp', refused: {}, readByFfmpeg: false };
  } catch (cause) {
    const error = RuthError.from(cause);
    // What is unreachable, locked or without video is so over any transport.
    if (error.code !== 'camera_protocol') throw error;
    const ways: readonly ('tcp' | 'udp')[] = transport === 'tcp' ? ['tcp'] : ['tcp', 'udp'];
    for (const way of ways) {
      const source = await FfmpegSource.open({ ...options, transport: way }).catch(() => null);
      if (source) return { source, transport: way, refused: way === 'udp' ? { tcp: error.message } : {}, readByFfmpeg: way === 'tcp' };
    }
    throw error;
  }
}
