/**
 * Starts a module worker from a blob: URL that imports `moduleUrl`. Such a worker inherits the page's Content-Security-Policy,
 * `connect-src 'self'` included; one loaded over http would only obey headers that a static host does not send.
 */
export function startModuleWorker(moduleUrl: string, name: string): Worker {
  const absolute = new URL(moduleUrl, document.baseURI).href;
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(absolute)};`], { type: 'text/javascript' }));
  const worker = new Worker(script, { type: 'module', name });
  // The worker has the script once it answers or fails; by then the URL has served.
  const forget = () => URL.revokeObjectURL(script);
  worker.addEventListener('message', forget, { once: true });
  worker.addEventListener('error', forget, { once: true });
  return worker;
}
