// Serves `models/` beside the app in development and copies it into the build.
import { cpSync, createReadStream, existsSync, statSync } from 'node:fs';
import { join, normalize, resolve, sep } from 'node:path';

const folder = join(import.meta.dirname, '..', 'models');

/** @returns {import('vite').Plugin} */
export function serveModels() {
  let output = '';
  return {
    name: 'bedside-models',
    configResolved(config) {
      output = resolve(config.root, config.build.outDir, 'models');
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const url = (request.url ?? '').split('?')[0] ?? '';
        const position = url.indexOf('/models/');
        if (position < 0) return next();
        const path = normalize(join(folder, decodeURIComponent(url.slice(position + '/models/'.length))));
        if (!path.startsWith(folder + sep) || !existsSync(path) || !statSync(path).isFile()) return next();
        response.setHeader('Content-Type', path.endsWith('.json') ? 'application/json' : 'application/octet-stream');
        response.setHeader('Content-Length', statSync(path).size);
        createReadStream(path).pipe(response);
      });
    },
    closeBundle() {
      if (existsSync(folder) && existsSync(join(output, '..'))) cpSync(folder, output, { recursive: true });
    },
  };
}
