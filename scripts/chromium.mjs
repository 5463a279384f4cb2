// Where the tests find Chromium, and the switches it runs with.
import { existsSync } from 'node:fs';

/** Software WebGPU (SwiftShader), and a browser that asks nothing of the network on its own account. */
export const chromiumArguments = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const candidates = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe'];

/** Path of an installed Chromium or Chrome, or undefined. */
export function findChromium() {
  return candidates.find((path) => path && existsSync(path));
}

/** Path of Chromium; falls back to the Debian path so that a missing browser fails with a plain message from the launcher. */
export function chromiumPath() {
  return findChromium() ?? '/usr/bin/chromium';
}
