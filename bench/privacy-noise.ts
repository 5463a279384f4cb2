/**
 * `npm run bench -- noise`: integers of noise a second, as a release draws them (key stream, transform, rounding), in Node and in Chromium, on one core;
 * and the time of one value of the exact discrete Gaussian.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { build } from 'vite';
import { chromiumArguments, chromiumPath } from '../scripts/chromium.mjs';
import { createNodeKeyStream } from '../src/cli/key-stream.ts';
import { discreteGaussianIntegers } from '../src/privacy/discrete-gaussian.ts';
import type { KeyStream } from '../src/privacy/key-stream.ts';
import { gaussianIntegers } from '../src/privacy/noise.ts';
import { machineInWords } from './machine.ts';

const root = join(import.meta.dirname, '..');

/** Noise of a gradient of 2^18 values, some adapters' number, at the noise of a head. */
const COUNT = 2 ** 18;
const SIGMA = 1.3e7;
const ROUNDS = 80;
const DISCRETE_COUNT = 20_000;

interface Throughput {
  /** Of the fastest round: what the code does where nothing else runs. */
  readonly bestMillionsPerSecond: number;
  readonly medianMillionsPerSecond: number;
  /** By the process's own CPU time, key stream included, which other processes do not stretch. */
  readonly millionsPerCpuSecond: number;
  /** Of the fastest rounds, the share spent on secret bytes. */
  readonly keyStreamShare: number;
}

export interface NoiseBench {
  readonly machine: string;
  readonly countARound: number;
  readonly rounds: number;
  readonly targetMillionsPerSecond: number;
  readonly node: Throughput;
  readonly chromium: Throughput & { readonly version: string };
  readonly discreteGaussian: readonly { readonly sigma: number; readonly microsecondsAValue: number }[];
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

function throughputOf(drawMs: readonly number[], bytesMs: readonly number[], cpuSeconds: number): Throughput {
  const rate = (ms: number) => COUNT / ms / 1000;
  return {
    bestMillionsPerSecond: rate(Math.min(...drawMs)),
    medianMillionsPerSecond: rate(median(drawMs)),
    millionsPerCpuSecond: (COUNT * ROUNDS) / cpuSeconds / 1e6,
    keyStreamShare: Math.min(...bytesMs) / Math.min(...drawMs),
  };
}

/** The same loop in Node and, as text, in the page. */
async function timeRounds(draw: typeof gaussianIntegers, stream: KeyStream, count: number, sigma: number, rounds: number): Promise<{ readonly drawMs: number[]; readonly bytesMs: number[] }> {
  const drawMs: number[] = [];
  const bytesMs: number[] = [];
  for (let round = -10; round < rounds; round++) {
    const start = performance.now();
    await draw(stream, round + 10, 1, count, sigma);
    const middle = performance.now();
    await stream.bytes(round + 10, 2, 12 * count);
    if (round >= 0) drawMs.push(middle - start);
    if (round >= 0) bytesMs.push(performance.now() - middle);
  }
  return { drawMs, bytesMs };
}

/** Draws alone, for the CPU time around them; also as text in the page. */
async function drawRounds(draw: typeof gaussianIntegers, stream: KeyStream, count: number, sigma: number, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) await draw(stream, round, 1, count, sigma);
}

async function inNode(): Promise<Throughput> {
  const { drawMs, bytesMs } = await timeRounds(gaussianIntegers, createNodeKeyStream(), COUNT, SIGMA, ROUNDS);
  const stream = createNodeKeyStream();
  const before = process.cpuUsage();
  await drawRounds(gaussianIntegers, stream, COUNT, SIGMA, ROUNDS);
  const { user, system } = process.cpuUsage(before);
  return throughputOf(drawMs, bytesMs, (user + system) / 1e6);
}

/** The page's own key stream (WebCrypto) under the same loop, bundled as it is shipped. */
async function inChromium(): Promise<Throughput & { readonly version: string }> {
  const entry = 'virtual:noise-bench';
  const bundles = await build({
    configFile: false, root, logLevel: 'error',
    plugins: [{
      name: 'noise-bench',
      resolveId: (id) => (id.endsWith(entry) ? `\0${entry}` : undefined),
      load: (id) => (id === `\0${entry}`
        ? `import { gaussianIntegers } from ${JSON.stringify(join(root, 'src/privacy/noise.ts'))};
           import { createKeyStream } from ${JSON.stringify(join(root, 'src/shell/key-stream.ts'))};
           ${timeRounds.toString()}
           ${drawRounds.toString()}
           globalThis.timeNoise = async (count, sigma, rounds) => ${timeRounds.name}(gaussianIntegers, await createKeyStream(), count, sigma, rounds);
           globalThis.drawNoise = async (count, sigma, rounds) => ${drawRounds.name}(gaussianIntegers, await createKeyStream(), count, sigma, rounds);`
        : undefined),
    }],
    build: { write: false, lib: { entry, formats: ['es'], fileName: 'noise' } },
  });
  const [bundle] = Array.isArray(bundles) ? bundles : [bundles];
  if (bundle === undefined || !('output' in bundle)) throw new Error('Expected one bundle of the noise bench, found none.');
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArguments });
  try {
    const page = await browser.newPage();
    // WebCrypto needs a secure context; localhost is one.
    await page.route('http://localhost/**', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    await page.goto('http://localhost/');
    await page.addScriptTag({ type: 'module', content: bundle.output[0].code });
    await page.waitForFunction('globalThis.drawNoise !== undefined');
    const { drawMs, bytesMs } = (await page.evaluate(`timeNoise(${COUNT}, ${SIGMA}, ${ROUNDS})`)) as { drawMs: number[]; bytesMs: number[] };
    const session = await browser.newBrowserCDPSession();
    const rendererSeconds = async () => (await session.send('SystemInfo.getProcessInfo')).processInfo.reduce((sum, { type, cpuTime }) => sum + (type === 'renderer' ? cpuTime : 0), 0);
    const before = await rendererSeconds();
    await page.evaluate(`drawNoise(${COUNT}, ${SIGMA}, ${ROUNDS})`);
    return { ...throughputOf(drawMs, bytesMs, (await rendererSeconds()) - before), version: browser.version() };
  } finally {
    await browser.close();
  }
}

async function discrete(): Promise<NoiseBench['discreteGaussian']> {
  const stream = createNodeKeyStream();
  const results: { readonly sigma: number; readonly microsecondsAValue: number }[] = [];
  await discreteGaussianIntegers(stream, 0, 0, DISCRETE_COUNT, SIGMA);
  for (const [index, sigma] of [1, 1000, SIGMA].entries()) {
    const before = process.cpuUsage();
    await discreteGaussianIntegers(stream, 1, index, DISCRETE_COUNT, sigma);
    const { user, system } = process.cpuUsage(before);
    results.push({ sigma, microsecondsAValue: (user + system) / DISCRETE_COUNT });
  }
  return results;
}

/** Measures, and returns what it found; also a part of the bench of the whole privacy layer. */
export async function noiseBench(): Promise<NoiseBench> {
  const node = await inNode();
  return { machine: machineInWords(), countARound: COUNT, rounds: ROUNDS, targetMillionsPerSecond: 10, node, chromium: await inChromium(), discreteGaussian: await discrete() };
}

export async function run(): Promise<void> {
  const found = await noiseBench();
  const rounded = JSON.stringify(found, (_, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(3)) : value), 2);
  mkdirSync(join(root, 'bench', 'results'), { recursive: true });
  writeFileSync(join(root, 'bench', 'results', 'noise.json'), `${rounded}\n`);
  console.log(rounded);
}
