// Eight cameras of 1080p25, recorded as they are, one of them watched: are all pictures on the disk, and does memory stand
// still? Ten minutes, or RUTH_SOAK_S seconds. Counts the pictures in the files with FFmpeg, not by what the kernel says.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { kernelSocketPath, type CameraStatus } from '@ruth/protocol';
import { Demuxer } from 'node-av/api';
import { WebSocket } from 'ws';
import { ClipCamera } from '../test/chaos/clip-camera.ts';
import { KernelRun } from '../test/chaos/kernel-run.ts';
import { recordedFiles } from '../test/chaos/recording-check.ts';
import { hdClip } from './hd-clip.ts';
import { cpuMs } from './process-cpu.ts';
import type { Bench } from './runner.ts';

const CAMERAS = Array.from({ length: 8 }, (_, index) => `camera-${index + 1}`);
const DEFAULT_S = 600;
const SAMPLE_S = 5;
const PAGE_BYTES = 4096;

interface Sample { readonly atS: number; readonly rssBytes: number; readonly cpuMs: number }

export const bench: Bench = async (report) => {
  const lengthS = Number(process.env.RUTH_SOAK_S ?? DEFAULT_S);
  const clip = await hdClip();
  const [folder, rings] = [mkdtempSync(join(tmpdir(), 'ruth-soak-')), mkdtempSync('/dev/shm/ruth-soak-')];
  const recordings = join(folder, 'recordings');
  try {
    await using camera = await ClipCamera.start(clip.path);
    const samples: Sample[] = [];
    let cameras: CameraStatus[];
    let viewerBytes = 0;
    {
      await using kernel = new KernelRun({ url: camera.url, cameraIds: CAMERAS, socketDirectory: folder, ringDirectory: rings, recordings, segmentS: 10 });
      await kernel.recording(Date.now() / 1000);
      const viewer = new WebSocket(`ws+unix:${kernelSocketPath(folder)}:/v1/cameras/${CAMERAS[0]}/live`);
      viewer.on('message', (data: Buffer) => { viewerBytes += data.length; });
      const startMs = performance.now();
      const pids = [kernel.pid, ...(await kernel.cameras()).map(({ pid }) => pid!)];
      for (let atS = 0; atS < lengthS; atS = (performance.now() - startMs) / 1000) {
        samples.push({ atS, rssBytes: sum(pids.map(rssBytes)), cpuMs: sum(pids.map(cpuMs)) });
        if (samples.length % 12 === 1) report(`${Math.round(atS)} of ${lengthS} s: ${(samples.at(-1)!.rssBytes / 1e6).toFixed(0)} MB in ${pids.length} processes`);
        await delay(SAMPLE_S * 1000);
      }
      viewer.terminate();
      cameras = await kernel.cameras();
    }
    const inFiles = new Map<string, number>();
    for (const file of recordedFiles(recordings)) inFiles.set(file.split('/')[0]!, (inFiles.get(file.split('/')[0]!) ?? 0) + await picturesIn(join(recordings, file)));
    // Between the last status and the end of the kernel more came; what counts is that no file lacks what had come.
    const lost = cameras.map(({ camera_id: id, counters }) => Math.max(0, counters.packets - (inFiles.get(id) ?? 0)));
    const settled = samples.find(({ atS }) => atS >= Math.min(60, lengthS / 4))!;
    const last = samples.at(-1)!;
    return {
      frames_lost: sum(lost), frames_recorded: sum([...inFiles.values()]), frames_dropped_by_status: sum(cameras.flatMap(({ recording }) => Object.values(recording.drops))),
      rtp_packets_lost: sum(cameras.map(({ packets_lost: packets }) => packets)), reconnects: sum(cameras.map(({ counters }) => counters.reconnects + counters.restarts)),
      rss_growth: Number((last.rssBytes / settled.rssBytes - 1).toFixed(4)), rss_mb: Math.round(last.rssBytes / 1e6),
      cpu_cores: Number(((last.cpuMs - samples[0]!.cpuMs) / 1000 / (last.atS - samples[0]!.atS)).toFixed(3)), viewer_mb: Math.round(viewerBytes / 1e6),
      cameras: CAMERAS.length, seconds: Math.round(last.atS), clip: clip.content,
    };
  } finally {
    for (const path of [folder, rings]) rmSync(path, { recursive: true, force: true });
  }
};

async function picturesIn(path: string): Promise<number> {
  await using demuxer = await Demuxer.open(path);
  let pictures = 0;
  for await (using packet of demuxer.packets(demuxer.video()!.index)) if (packet) pictures++;
  return pictures;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const rssBytes = (pid: number): number => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
