import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` shows the sources with hot reload and asks a running server for its data.
const server = process.env.MAINSPRING_URL ?? 'http://127.0.0.1:5000';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/api': server, '/ajax-api': server, '/get-artifact': server } },
  build: { target: 'es2022', sourcemap: false, assetsInlineLimit: 0 },
  test: { include: ['tests/unit/**/*.test.{ts,tsx}'], environment: 'node' },
});
