import type { DeviceReport, KernelCheck } from './bedside.service.ts';
import type { Thoroughness } from './backend.ts';
import type { BackendChoice } from './device.ts';
import type { EncoderSource } from './encoder-source.ts';
import { linkWorker, proxy, transfer, type WorkerLink } from './remote.ts';
import type { TrainerPort } from './remote-trainer.ts';
import { startModuleWorker } from './start-worker.ts';
import type { TrainerHost } from './trainer-service.ts';
import trainerUrl from './trainer.worker.ts?worker&url';

/** More workers than this no longer pay for the memory of another copy of the encoder. */
const mostWorkers = 8;

/** The page's trainers: starts them, hands their ports to the guard, replaces those that died. Sees no note and no sum. */
export class Crew {
  #links: WorkerLink<TrainerHost>[] = [];
  #opening: Promise<DeviceReport> | null = null;
  #checkListeners = new Set<(check: KernelCheck) => void>();
  #choice: BackendChoice;
  readonly #encoder: EncoderSource;
  readonly #workers: number;

  constructor(choice: BackendChoice, encoder: EncoderSource, workers: number | undefined = undefined) {
    this.#choice = choice;
    this.#encoder = encoder;
    this.#workers = workers ?? Math.max(1, Math.min(navigator.hardwareConcurrency, mostWorkers));
  }

  get links(): readonly WorkerLink<TrainerHost>[] {
    return this.#links;
  }

  /** The device, opened and checked once. */
  async device(onCheck?: (check: KernelCheck) => void): Promise<DeviceReport> {
    if (onCheck) this.#checkListeners.add(onCheck);
    try {
      this.#opening ??= this.#openFirst(onCheck ? 'all' : 'start').catch((error: unknown) => {
        this.dismiss();
        throw error;
      });
      return await this.#opening;
    } finally {
      if (onCheck) this.#checkListeners.delete(onCheck);
    }
  }

  /** Ends all trainers, so that the next device is opened by another choice, or checked afresh. */
  restart(choice: BackendChoice = this.#choice): void {
    this.#choice = choice;
    this.dismiss();
  }

  dismiss(): void {
    for (const link of this.#links) link.terminate();
    this.#links = [];
    this.#opening = null;
  }

  /** Ports of a full crew whose encoders are loaded, for the guard. */
  async ports(): Promise<TrainerPort[]> {
    if (this.#links.some((link) => link.isDead)) this.dismiss();
    const { backend } = await this.device();
    const wanted = backend === 'wasm' ? this.#workers : 1;
    while (this.#links.length < wanted) {
      const link = await this.#start();
      await link.call((host) => host.openChecked(backend === 'webgpu' ? 'webgpu' : 'wasm'));
      this.#links.push(link);
    }
    await Promise.all(this.#links.map((link) => link.call((host) => host.load(this.#encoder))));
    return Promise.all(
      this.#links.map(async (link) => {
        const { port1, port2 } = new MessageChannel();
        await link.call((host) => host.serve(transfer(port1, [port1])));
        return { port: port2, lockName: link.lockName };
      }),
    );
  }

  #start(): Promise<WorkerLink<TrainerHost>> {
    return linkWorker<TrainerHost>(startModuleWorker(trainerUrl, 'trainer'), 'training');
  }

  async #openFirst(thoroughness: Thoroughness): Promise<DeviceReport> {
    const link = await this.#start();
    this.#links = [link];
    const tell = (check: KernelCheck) => {
      for (const listener of this.#checkListeners) listener(check);
    };
    const report = await link.call((host) => host.open(this.#choice, thoroughness, proxy(tell)));
    return report.backend === 'wasm' ? { ...report, device: { ...report.device, workers: this.#workers } } : report;
  }
}
