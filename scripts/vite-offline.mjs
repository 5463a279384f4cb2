// Puts the Content-Security-Policy into the built page and the list of built files into the service worker.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/**
 * Everything comes from the app's own origin. Workers start from blob: URLs because such a worker inherits this policy,
 * while one loaded over http would only obey headers that a static host does not send.
 */
export const contentSecurityPolicy = [
  "default-src 'self'",
  "connect-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** @returns {import('vite').Plugin} */
export function workOffline() {
  let output = '';
  return {
    name: 'bedside-offline',
    apply: 'build',
    configResolved(config) {
      output = resolve(config.root, config.build.outDir);
    },
    transformIndexHtml() {
      return [{ tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy }, injectTo: 'head-prepend' }];
    },
    closeBundle() {
      const script = join(output, 'service-worker.js');
      if (!existsSync(script)) return;
      const files = filesUnder(output).filter((file) => file !== 'service-worker.js' && !file.startsWith('models/') && !file.endsWith('.map'));
      const version = createHash('sha256');
      for (const file of files) version.update(file).update('\0').update(readFileSync(join(output, file)));
      const text = readFileSync(script, 'utf8')
        .replace("const version = 'development';", `const version = '${version.digest('hex').slice(0, 16)}';`)
        .replace('const files = [];', `const files = ${JSON.stringify(files)};`);
      writeFileSync(script, text);
    },
  };
}
