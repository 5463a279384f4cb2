/** A browser that cannot tell when it is idle has painted by then. */
const blindMs = 2000;

/** Calls `work` once the page has loaded and has nothing to do. Returns how to call it off. */
export function whenIdle(work: () => void): () => void {
  let cancel = (): void => undefined;
  const ask = () => {
    if (typeof requestIdleCallback === 'function') {
      const handle = requestIdleCallback(work);
      cancel = () => cancelIdleCallback(handle);
    } else {
      const timer = setTimeout(work, blindMs);
      cancel = () => clearTimeout(timer);
    }
  };
  if (document.readyState === 'complete') ask();
  else {
    addEventListener('load', ask, { once: true });
    cancel = () => removeEventListener('load', ask);
  }
  return () => cancel();
}
