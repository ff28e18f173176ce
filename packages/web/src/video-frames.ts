// Which frame of a video is on the screen. Browsers tell it by `requestVideoFrameCallback`; some have none, and some have one that
// tells of nothing (WebKitGTK without compositing). There the position of playback stands for it.

/** What shows a picture and tells of none for so long will tell of none. */
const MUTE_MS = 1500;
const WATCH_EVERY_MS = 250;

/** Calls `onFrame` for each displayed frame until `signal` aborts; with null, where the browser does not tell, whenever the position of playback is another. */
export function followFrames(video: HTMLVideoElement, signal: AbortSignal, onFrame: (frame: VideoFrameCallbackMetadata | null) => void): void {
  const telling = 'requestVideoFrameCallback' in video;
  let hasTold = false;
  let shownForMs = telling ? 0 : MUTE_MS;
  const next = (): void => {
    video.requestVideoFrameCallback((_now, frame) => {
      if (signal.aborted) return;
      hasTold = true;
      onFrame(frame);
      next();
    });
  };
  const byPosition = (beforeS: number | null): void => {
    if (signal.aborted || hasTold) return;
    const nowS = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0 ? video.currentTime : null;
    if (nowS !== null && nowS !== beforeS) onFrame(null);
    requestAnimationFrame(() => byPosition(nowS));
  };
  const watch = (): void => {
    if (signal.aborted || hasTold) return;
    // A page that is hidden shows nothing, and is told of nothing.
    if (document.visibilityState === 'visible' && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) shownForMs += WATCH_EVERY_MS;
    if (shownForMs >= MUTE_MS) byPosition(null);
    else setTimeout(watch, WATCH_EVERY_MS);
  };
  if (telling) next();
  watch();
}
