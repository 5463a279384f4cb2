
import { Scene } from '/work/main/e2e/federation/scene.ts';
import { inBrowsers } from '/work/main/e2e/federation/in-browsers.ts';
const folder = '/tmp/bedside-a1-dE6r7c';
const scene = new Scene('/tmp/fed/v/bin', folder);
const t = Date.now();
await scene.part(inBrowsers);
console.log(scene.total, (Date.now() - t) / 1000);
process.exit(0);
