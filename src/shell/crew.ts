import type { DeviceReport, KernelCheck } from './bedside.service.ts';
import { checkedDevice, type CheckedDevice } from '../training/checked-device.ts';
import { availableBytes, deviceGigabytes } from './device-memory.ts';
import { crewSize, workShare } from './leaving-room.ts';
import type { Thoroughness } from './backend.ts';
import type { BackendChoice, OpenedDevice } from './device.ts';
import type { EncoderSource } from './encoder-source.ts';
import { proxy, transfer, workerDied, type WorkerLink } from './remote.ts';
import type { TrainerPort } from './remote-trainer.ts';
import { startTrainer } from './start-trainer.ts';
import type { TrainerHost } from './trainer-service.ts';

/** More workers than this no longer pay for the memory of another copy of the encoder. */
const mostWorkers = 8;

/** The page's trainers: starts them, hands their ports to the guard, replaces those that died. Sees no note and no sum. */
export class Crew {
  #links: WorkerLink<TrainerHost>[] = [];
  #opening: Promise<OpenedDevice> | null = null;
  /** What trainers that were sent away, with nothing the matter with the device, had found; null where there are new ones. */
  #known: OpenedDevice | null = null;
  #checkListeners = new Set<(check: KernelCheck) => void>();
  #choice: BackendChoice;
  #leavesRoom: boolean;
  readonly #encoder: EncoderSource;
  readonly #workers: number;
  /** Rises when trainers are sent away. */
  #turn = 0;
  /** Trainers of a full crew on the device that was opened. */
  #full = 1;
  #checked: CheckedDevice | null = null;

  constructor(choice: BackendChoice, encoder: EncoderSource, workers: number | undefined = undefined, leavesRoom = false) {
    this.#choice = choice;
    this.#encoder = encoder;
    this.#leavesRoom = leavesRoom;
    this.#workers = workers ?? Math.max(1, Math.min(navigator.hardwareConcurrency, mostWorkers));
  }

  get choice(): BackendChoice {
    return this.#choice;
  }

  /** Those of a full crew on a processor. */
  get workers(): number {
    return this.#workers;
  }

  /** Share of its time that each trainer works. */
  get workShare(): number {
    return workShare(Math.max(1, this.#links.length), this.#full, this.#leavesRoom);
  }

  /** What is known of the device; null before it was opened. */
  get checked(): CheckedDevice | null {
    return this.#checked;
  }

  get links(): readonly WorkerLink<TrainerHost>[] {
    return this.#links;
  }

  /** The device, opened and checked once. */
  async device(onCheck?: (check: KernelCheck) => void): Promise<DeviceReport> {
    if (onCheck) this.#checkListeners.add(onCheck);
    try {
      return { ...(this.#known ?? (await this.#now(await this.#open(onCheck ? 'all' : 'start')))), leavesRoom: this.#leavesRoom };
    } finally {
      if (onCheck) this.#checkListeners.delete(onCheck);
    }
  }

  /** What was opened, or what has replaced it since. A processor is never lost, and its trainer, which would answer when it is done, is not asked. */
  async #now(opened: OpenedDevice): Promise<OpenedDevice> {
    const [turn, [first]] = [this.#turn, this.#links];
    if (opened.backend !== 'webgpu' || !first) return opened;
    // One that dies is noticed by whoever trains next.
    const report = await first.call((host) => host.device()).catch(() => null);
    if (report === null || turn !== this.#turn) return opened;
    const taken = this.#take(report);
    // The trainers that are there go on with it until more are asked for.
    const now = report.backend === opened.backend ? taken : { ...taken, device: { ...taken.device, workers: this.#links.length } };
    this.#opening = Promise.resolve(now);
    return now;
  }

  #open(thoroughness: Thoroughness): Promise<OpenedDevice> {
    this.#known = null;
    if (this.#opening) return this.#opening;
    const opening: Promise<OpenedDevice> = this.#openFirst(thoroughness).catch((error: unknown) => {
      // One that was ended for another has nothing to do with the trainers of that.
      if (this.#opening === opening) this.dismiss();
      throw error;
    });
    this.#opening = opening;
    return opening;
  }

  /** Ends all trainers, so that the next device is opened by another choice, or checked afresh. */
  restart(choice: BackendChoice = this.#choice): void {
    this.#choice = choice;
    this.#known = null;
    this.dismiss();
  }

  /** Leaves room from now on, or no longer, while nobody trains: the next trainers are as many as fit. What is known of the device stays known. */
  async resize(leavesRoom: boolean): Promise<void> {
    // One that cannot be opened is tried again by whoever asks next.
    const opened = this.#known ?? (await this.#opening?.catch(() => null));
    this.#leavesRoom = leavesRoom;
    this.dismiss();
    this.#known = opened ? this.#sized(opened) : null;
  }

  /** Leaves room from now on, or no longer, with the trainers that are there, in the middle of their work too. */
  async pace(leavesRoom: boolean): Promise<void> {
    this.#leavesRoom = leavesRoom;
    const share = this.workShare;
    await Promise.all(this.#links.map((link) => link.call((host) => host.pace(share))));
  }

  dismiss(): void {
    for (const link of this.#links) link.terminate();
    this.#links = [];
    this.#opening = null;
    this.#turn++;
  }

  /** Ports of a full crew whose encoders are loaded, for the guard. */
  async ports(): Promise<TrainerPort[]> {
    if (this.#links.some((link) => link.isDead)) this.dismiss();
    await this.#load();
    return Promise.all(
      this.#links.map(async (link) => {
        const { port1, port2 } = new MessageChannel();
        await link.call((host) => host.serve(transfer(port1, [port1])));
        return { port: port2, lockName: link.lockName };
      }),
    );
  }

  /** Starts as many trainers as the device takes, with the encoder loaded and an equal share of the memory each. */
  async #load(): Promise<void> {
    const { backend, device } = await this.#open('start');
    const turn = this.#turn;
    while (this.#links.length < device.workers) {
      const link = await startTrainer();
      try {
        await link.call((host) => host.openChecked(backend === 'webgpu' ? 'webgpu' : 'wasm'));
        this.#checkTurn(turn);
      } catch (error) {
        link.terminate();
        throw error;
      }
      this.#links.push(link);
    }
    await this.pace(this.#leavesRoom);
    this.#checkTurn(turn);
    // The first is held to the model's known answers; the others open the same backend and never fall back by themselves, so that all compute alike.
    const [first] = await Promise.all(this.#links.map((link) => link.call((host) => host.load(this.#encoder, this.#memoryShare(this.#links.length)))));
    this.#checkTurn(turn);
    if (!first) return;
    const taken = this.#take(first);
    this.#opening = Promise.resolve(taken);
    if (first.backend === backend && taken.device.workers <= this.#links.length) return;
    // The model's known answers spoke against the backend, or it was lost, and the others were opened on it.
    if (first.backend !== backend) for (const link of this.#links.splice(1)) link.terminate();
    await this.#load();
  }

  /** @throws `device/worker-died` where the trainers have been sent away since: those that are there are others. */
  #checkTurn(turn: number): void {
    if (turn !== this.#turn) throw workerDied('training');
  }

  #memoryShare(trainers: number): number {
    return availableBytes(deviceGigabytes(navigator)) / trainers;
  }

  /** The report of the first trainer as one of the crew. */
  #take(report: OpenedDevice): OpenedDevice {
    this.#full = report.backend === 'wasm' ? this.#workers : 1;
    this.#checked = checkedDevice(report.backend, report.checks);
    return this.#sized(report);
  }

  #sized(report: OpenedDevice): OpenedDevice {
    return { ...report, device: { ...report.device, workers: crewSize(this.#full, this.#leavesRoom) } };
  }

  async #openFirst(thoroughness: Thoroughness): Promise<OpenedDevice> {
    const turn = this.#turn;
    const link = await startTrainer();
    // Sent away before it was there: it answers with its end.
    if (turn !== this.#turn) link.terminate();
    else this.#links = [link];
    const tell = (check: KernelCheck) => {
      for (const listener of this.#checkListeners) listener(check);
    };
    const report = await link.call((host) => host.open(this.#choice, thoroughness, proxy(tell)));
    if (thoroughness === 'start') return this.#take(report);
    // Known answers need the model, and one that cannot be had is no fault of the device.
    return this.#take(await link.call((host) => host.load(this.#encoder, this.#memoryShare(1))).catch(() => report));
  }
}
