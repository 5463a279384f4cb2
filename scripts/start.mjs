// `npm start`: builds the app, serves it from this machine alone, prints its address and opens it where there is a desktop.
import { build, preview } from 'vite';
import { spawn } from 'node:child_process';

console.log('Building Bedside; this takes some seconds.');
// What plugins took of the build is of no interest to who wants to use the app.
await build({ logLevel: 'warn', build: { rolldownOptions: { checks: { pluginTimings: false } } } });
const server = await preview({ preview: { host: '127.0.0.1', port: Number(process.env['PORT'] ?? 4173), strictPort: process.env['PORT'] !== undefined }, logLevel: 'warn' });
const address = server.resolvedUrls?.local[0] ?? 'http://127.0.0.1:4173/';
console.log(`\nBedside is ready: ${address}\nNothing you open in it leaves this machine. Stop it with Ctrl+C.\n`);

const hasDesktop = process.platform !== 'linux' || process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined;
if (hasDesktop && process.env['CI'] === undefined) {
  const [command, ...before] = process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open'];
  spawn(command, [...before, address], { stdio: 'ignore', detached: true }).on('error', () => undefined).unref();
}
