import { svelte } from '@sveltejs/vite-plugin-svelte';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumArguments, chromiumPath } from './scripts/chromium.mjs';
import { serveModels } from './scripts/vite-models.mjs';
import { workOffline } from './scripts/vite-offline.mjs';

export default defineConfig({
  base: './',
  publicDir: 'public',
  plugins: [svelte(), serveModels(), workOffline()],
  build: { target: 'es2023', sourcemap: false, chunkSizeWarningLimit: 1200 },
  worker: { format: 'es' },
  // Imported on demand, so found late: the development server would reload the page in the middle of a test.
  optimizeDeps: { include: ['@huggingface/tokenizers', 'fflate', 'papaparse', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu/dist/backend_webgpu.js'] },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'node', environment: 'node', include: ['src/**/*.test.ts', 'federation-server/coordinator/**/*.test.ts'], exclude: ['src/**/*.browser.test.ts'], testTimeout: 60_000 },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['src/**/*.browser.test.ts'],
          testTimeout: 120_000,
          // A busy machine may take longer than the default of one second to draw what is waited for.
          expect: { poll: { timeout: 20_000 } },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: chromiumPath(), args: chromiumArguments } }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
