import type { Plugin } from 'vite';
export function serveModels(): Plugin;
