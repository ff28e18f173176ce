// What Vite resolves and TypeScript does not know.
declare module '*.css';
// The same without captions, DRM and alternate sound; hls.js types only its whole.
declare module 'hls.js/light' {
  export * from 'hls.js';
  export { default } from 'hls.js';
}
