/** `npm run bench -- <name> [options]`: measurements too slow to be tests. Results are kept in `bench/results/`, one JSON file a run. */
const benches: Readonly<Record<string, () => Promise<{ run(args: readonly string[]): Promise<void> }>>> = {
  accuracy: () => import('./accuracy.ts'),
  engine: () => import('./engine/run.ts'),
  federation: () => import('./federation.ts'),
  'federation-browsers': () => import('./federation-browsers.ts'),
  'federation-nodes': () => import('./federation-nodes.ts'),
  journey: () => import('./journey.ts'),
  lab: () => import('./lab.ts'),
  recipes: () => import('./recipes.ts'),
  'private-accuracy': () => import('./private-accuracy.ts'),
  privacy: () => import('./privacy.ts'),
  noise: () => import('./privacy-noise.ts'),
  report: () => import('./report.ts'),
};

const [name, ...args] = process.argv.slice(2);
const load = name === undefined ? undefined : benches[name];
if (load === undefined) {
  console.error(`Expected the name of a bench, one of ${Object.keys(benches).join(', ')}; found ${name ?? 'none'}.`);
  process.exit(2);
}
await (await load()).run(args);

export {};
