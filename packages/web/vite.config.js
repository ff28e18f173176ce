// Builds the page into dist/: hashed assets, and nothing inline, so that the server's Content-Security-Policy can forbid it.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** What stands at the head of both pages. */
const HEAD = [
  ['meta', { charset: 'utf-8' }], ['meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }], ['meta', { name: 'color-scheme', content: 'light dark' }],
  ['meta', { name: 'theme-color', media: '(prefers-color-scheme: dark)', content: '#0c0f13' }], ['meta', { name: 'theme-color', media: '(prefers-color-scheme: light)', content: '#f3f5f7' }],
  ['link', { rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
].map(([tag, attrs]) => ({ tag, attrs, injectTo: 'head-prepend' }));

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), { name: 'head', transformIndexHtml: () => HEAD }],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Of the contracts the page needs types and the error table; without this the schema compiler would come along.
    rolldownOptions: { input: { index: `${import.meta.dirname}/index.html`, 'sign-in': `${import.meta.dirname}/sign-in.html` }, treeshake: { moduleSideEffects: [{ test: /packages[\\/]protocol/, sideEffects: false }] } },
  },
  // `npm run dev -w packages/web` beside a running Ruth.
  server: { proxy: { '/api': { target: process.env.RUTH_URL ?? 'http://127.0.0.1:8080', ws: true, changeOrigin: true, rewriteWsOrigin: true } } },
});
