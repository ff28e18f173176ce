// Builds the page into dist/: hashed assets, and nothing inline, so that the server's Content-Security-Policy can forbid it.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
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
