// `npm start`: builds the app, serves it from this machine alone, prints its address and opens it where there is a desktop.
import { build, preview } from 'vite';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

const defaultPort = 4173;

/** Says in one line what cannot be done, and ends. @param {string} sentence */
function refuse(sentence) {
  console.error(sentence);
  process.exit(2);
}

const wanted = process.env['PORT'];
const port = wanted === undefined ? defaultPort : Number(wanted);
if (!Number.isInteger(port) || port < 1 || port > 65_535 || wanted === '') refuse(`PORT must be a whole number from 1 to 65535, found ${JSON.stringify(wanted)}.`);

/** Whether nobody listens there. @returns {Promise<boolean>} */
const isFree = () => new Promise((resolve, reject) => {
  const probe = createServer();
  probe.once('error', (error) => ('code' in error && error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
  probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
});
// Asked before the build, which takes longer.
if (wanted !== undefined && !(await isFree().catch((error) => refuse(`Port ${port} cannot be used (${error.code ?? error.message}). Choose one from 1024 on, for instance PORT=4800.`)))) refuse(`Port ${port} is in use. Choose another, or leave PORT out: the next free one from ${defaultPort} on is then taken.`);

console.log('Building Bedside; this takes some seconds.');
// What plugins took of the build is of no interest to who wants to use the app.
await build({ logLevel: 'warn', build: { rolldownOptions: { checks: { pluginTimings: false } } } });
const server = await preview({ preview: { host: '127.0.0.1', port, strictPort: wanted !== undefined }, logLevel: 'warn' });
const address = server.resolvedUrls?.local[0] ?? 'http://127.0.0.1:4173/';
console.log(`\nBedside is ready: ${address}\nNothing you open in it leaves this machine. Stop it with Ctrl+C.\n`);

const hasDesktop = process.platform !== 'linux' || process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined;
if (hasDesktop && process.env['CI'] === undefined) {
  const [command, ...before] = process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open'];
  spawn(command, [...before, address], { stdio: 'ignore', detached: true }).on('error', () => undefined).unref();
}
