/** What a laptop with a graphics chip measures, and how long it takes to find out. */
import { BedsideError } from '../../ground/errors.ts';
import type { EnergySettings, MeasuredSetup, Progress, SpeedReport } from '../../shell/bedside.service.ts';

const setup = (backend: 'wasm' | 'webgpu', name: string, workers: number, read: number, head: number, adapters: number, busyFraction: number): MeasuredSetup => ({
  backend, device: { name, workers }, notesPerSecond: { read, head, adapters }, stepMs: (8000 * workers) / adapters, stepNotes: 8, launches: backend === 'webgpu' ? 147 : null, memoryBytes: backend === 'webgpu' ? 88_300_000 : 57_100_000, busyFraction,
});
const setups = [setup('wasm', 'WebAssembly, relaxed SIMD', 1, 38, 214_000, 9.6, 1 / 8), setup('wasm', 'WebAssembly, relaxed SIMD', 8, 204, 1_130_000, 51, 1), setup('webgpu', 'WebGPU intel xe', 1, 512, 198_000, 131, 1)];

/** By the watts of the fake energy settings; half and twice as the ends. */
export function fakeSpeed(measuredAtMs: number, { deviceClass, measuredWatts }: EnergySettings): SpeedReport {
  const watts = measuredWatts ?? (deviceClass === 'unknown' ? 30 : 20);
  const range = (notesPerSecond: number, busyFraction: number) => {
    const central = (watts * (measuredWatts === null ? busyFraction : 1) * 1000) / notesPerSecond / 3600;
    return { low: central / 2, central, high: central * 2 };
  };
  return {
    measuredAtMs, encoder: 'all-MiniLM-L6-v2', tokens: 128, cores: 8, browser: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36', noWebGpu: null, power: { deviceClass, measuredWatts },
    setups: setups.map((one) => ({ ...one, energyWhPer1000: { read: range(one.notesPerSecond.read, one.busyFraction), adapters: range(one.notesPerSecond.adapters, one.busyFraction) } })),
  };
}

export async function fakeMeasuring(delayMs: number, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<void> {
  const total = 12;
  for (let done = 0; done <= total; done += 1) {
    if (signal.aborted) throw new BedsideError('cancelled', 'input', 'Cancelled. Nothing was saved.', 'Start again when you like.');
    onProgress({ done, total });
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}
