import { linear, linearThreads } from '../operations/linear/webgpu.ts';
import type { GpuDevice } from './device.ts';
import { candidatesOn, plainVariants, variantQuestions, variantsVersion, type KernelVariants } from './kernel-variants.ts';
import type { TrialDevice, VariantQuestion } from './variant-question.ts';

/** What the device itself was asked: which kernels are fastest on it, and how fast they are. */
export interface DeviceTuning {
  readonly variants: KernelVariants;
  /** Of the int8 product. */
  readonly multiplyAddsPerSecond: number;
}

/** What tuning needs of its host. A memory that fails costs a measurement and nothing else. */
export interface TuningHost {
  /** A clock in milliseconds. */
  now(): number;
  /** The browser with its version: another one compiles the same kernels otherwise. */
  readonly browser: string;
  /** What was kept for an adapter, or null. */
  read(adapter: string): Promise<string | null>;
  write(adapter: string, text: string): Promise<void>;
}

type TunableDevice = TrialDevice & Pick<GpuDevice, 'adapter' | 'isSoftware' | 'hasFeature'>;

const launchesOfRun = 4;
const repeats = 5;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Milliseconds of a launch of each candidate: the median of five runs of four launches, each compiled before it is timed, taking turns. */
export async function variantTimes<Name extends string | number>(device: TrialDevice, question: VariantQuestion<Name>, candidates: readonly Name[], now: () => number): Promise<Map<Name, number>> {
  const trial = question.trial(device);
  try {
    const run = async (candidate: Name, launches: number) => {
      const start = now();
      for (let launch = 0; launch < launches; launch++) trial.launch(candidate);
      await device.workDone();
      return now() - start;
    };
    const times = new Map<Name, number[]>(candidates.map((candidate) => [candidate, []]));
    for (const candidate of candidates) await run(candidate, 1);
    for (let repeat = 0; repeat < repeats; repeat++) for (const candidate of candidates) times.get(candidate)!.push(await run(candidate, launchesOfRun));
    return new Map(candidates.map((candidate) => [candidate, median(times.get(candidate)!) / launchesOfRun]));
  } finally {
    for (const buffer of trial.buffers) device.release(buffer);
  }
}

/** The candidate of the least median; the first where there is no other. */
export async function fastestVariant<Name extends string | number>(device: TrialDevice, question: VariantQuestion<Name>, candidates: readonly Name[], now: () => number): Promise<Name> {
  if (candidates.length === 1) return candidates[0]!;
  const times = await variantTimes(device, question, candidates, now);
  return candidates.reduce((best, candidate) => (times.get(candidate)! < times.get(best)! ? candidate : best));
}

/** The product that a speed is read from: enough threads to fill a graphics card, a tenth of a second on a software renderer. */
const [K, N, tokens] = [384, 1536, 128];
/** As long as a clock of a tenth of a millisecond needs to be right within some hundredths. */
const longEnoughMs = 5;
const mostLaunches = 128;

/** Multiply-adds of the int8 product a second. More launches are timed until they take some milliseconds; the fastest of three such runs counts. */
export async function measureMultiplyAdds(device: TrialDevice, { linearTile }: KernelVariants, now: () => number): Promise<number> {
  const inputs = { x: device.upload(new Float32Array(tokens * K)), weight: device.upload(new Int32Array((K * N) / 4)), scale: device.upload(new Float32Array(N)), bias: device.upload(new Float32Array(N)) };
  const output = device.allocate(tokens * N);
  try {
    const run = async (launches: number) => {
      const start = now();
      for (let launch = 0; launch < launches; launch++) device.run(linear(K, N, linearTile), { inputs, uniforms: { tokens }, threads: linearThreads(N, tokens, linearTile), output });
      await device.workDone();
      return now() - start;
    };
    await run(1);
    let launches = 1;
    let elapsedMs = await run(launches);
    while (elapsedMs < longEnoughMs && launches < mostLaunches) {
      launches *= 2;
      elapsedMs = await run(launches);
    }
    for (let repeat = 0; repeat < 2; repeat++) elapsedMs = Math.min(elapsedMs, await run(launches));
    // A clock may stand still for a tenth of a millisecond.
    return (launches * tokens * K * N * 1000) / Math.max(0.1, elapsedMs);
  } finally {
    for (const buffer of [...Object.values(inputs), output]) device.release(buffer);
  }
}

/** A kept tuning of this version on this browser whose choices the device still has; null for anything else. */
function keptTuning(text: string | null, version: number, browser: string, device: TunableDevice): DeviceTuning | null {
  if (text === null) return null;
  let kept: Readonly<Record<string, unknown>>;
  try {
    kept = Object(JSON.parse(text));
  } catch {
    return null;
  }
  const { variants: names, multiplyAddsPerSecond: speed } = kept;
  if (kept['version'] !== version || kept['browser'] !== browser || typeof speed !== 'number' || !(speed > 0 && Number.isFinite(speed)) || typeof names !== 'object' || names === null) return null;
  const variants = new Map<string, unknown>(Object.entries(names));
  const isKnown = Object.entries(variantQuestions).every(([choice, question]) => candidatesOn(question, (feature) => device.hasFeature(feature)).some((candidate) => candidate === variants.get(choice)));
  return isKnown ? { variants: names as KernelVariants, multiplyAddsPerSecond: speed } : null;
}

async function measuredVariants(device: TunableDevice, now: () => number): Promise<KernelVariants> {
  // The first candidates are as good as any where a processor does the work.
  if (device.isSoftware) return plainVariants;
  const found: [string, string | number][] = [];
  for (const [choice, question] of Object.entries<VariantQuestion<string | number>>(variantQuestions)) {
    found.push([choice, await fastestVariant(device, question, candidatesOn(question, (feature) => device.hasFeature(feature)), now)]);
  }
  return Object.fromEntries(found) as KernelVariants;
}

/**
 * The fastest kernels of this device and their speed: measured once for an adapter, and kept until the kernels or the browser change.
 * Some tens of milliseconds on a graphics card the first time.
 */
export async function tuneDevice(device: TunableDevice, host: TuningHost, version = variantsVersion()): Promise<DeviceTuning> {
  const kept = keptTuning(await host.read(device.adapter).catch(() => null), version, host.browser, device);
  if (kept) return kept;
  const variants = await measuredVariants(device, () => host.now());
  const tuning: DeviceTuning = { variants, multiplyAddsPerSecond: await measureMultiplyAdds(device, variants, () => host.now()) };
  await host.write(device.adapter, JSON.stringify({ version, browser: host.browser, ...tuning })).catch(() => undefined);
  return tuning;
}
