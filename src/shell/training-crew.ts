import { busyFraction } from '../energy/busy-fraction.ts';
import { BedsideError } from '../ground/errors.ts';
import type { CheckedDevice } from '../training/checked-device.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import { distributeRows, joinRows } from '../training/distribute.ts';
import type { DeviceName } from './bedside.service.ts';
import type { FeatureGrant } from './feature-cache.ts';
import { connectTrainer, type RemoteTrainer, type TrainerPort } from './remote-trainer.ts';

function noTrainers(): BedsideError {
  return new BedsideError('device/no-trainer', 'device', 'No trainer could be started.', 'Run the device check in the settings.');
}

/** The guard's trainers: asked of the page when there are none or one has died. */
export class TrainingCrew {
  /** Of their time that the trainers work. */
  workShare = 1;
  #trainers: readonly RemoteTrainer[] = [];
  #bringing: Promise<void> | null = null;
  #checked: CheckedDevice | null = null;
  #onDevice: () => void = () => undefined;
  #lastUser: object | null = null;
  readonly #bring: () => Promise<void>;

  constructor(bring: () => Promise<void>) {
    this.#bring = bring;
  }

  async connect(ports: readonly TrainerPort[], workShare = 1, checked: CheckedDevice | null = null): Promise<void> {
    this.workShare = workShare;
    this.#checked = checked;
    for (const trainer of this.#trainers) trainer.release();
    this.#trainers = await Promise.all(ports.map(connectTrainer));
    const [first] = this.#trainers;
    await first?.watch(({ checked: now }) => {
      if (this.#trainers[0] !== first) return;
      this.#checked = now;
      this.#onDevice();
    });
  }

  /** Calls `onDevice` where the trainers' device is lost and another takes its place; until the next watch. */
  watch(onDevice: () => void): void {
    this.#onDevice = onDevice;
  }

  /** Living trainers with the encoder loaded. */
  async ready(): Promise<readonly RemoteTrainer[]> {
    if (this.#trainers.length === 0 || this.#trainers.some((trainer) => trainer.isDead)) {
      this.#bringing ??= this.#bring().finally(() => {
        this.#bringing = null;
      });
      await this.#bringing;
    }
    if (this.#trainers.length === 0) throw noTrainers();
    return this.#trainers;
  }

  /** Takes the trainers for `user`, under the training lock. False where somebody else had them since: what they hold is then not this user's. */
  claim(user: object): boolean {
    const isStill = this.#lastUser === user;
    this.#lastUser = user;
    return isStill;
  }

  /** Lends the trainers a project's cached features, with an equal share of the room each; null takes them back. A trainer that has died needs none. */
  async lendFeatures(grant: FeatureGrant | null): Promise<void> {
    const share = grant && { ...grant, allowanceBytes: Math.floor(grant.allowanceBytes / Math.max(1, this.#trainers.length)) };
    await Promise.all(this.#trainers.map((trainer) => trainer.useFeatures(share).catch(() => undefined)));
  }

  /** What is known of the trainers' device; null where nobody said. */
  get checked(): CheckedDevice | null {
    return this.#checked;
  }

  get name(): DeviceName {
    return { name: this.#trainers[0]?.device ?? '', workers: this.#trainers.length };
  }

  /** Names the place where speeds are measured: those of a crew that rests in between are its own. */
  get pace(): string {
    return this.workShare < 1 ? `${this.device}, ${Math.round(100 * this.workShare)} % of the time` : this.device;
  }

  /** Names the device with its workers. */
  get device(): string {
    const { name, workers } = this.name;
    return workers > 1 ? `${name}, ${workers} workers` : name;
  }

  /** Share of the device that works while the trainers do, their rests counted in. */
  get busyFraction(): number {
    const isGpu = this.#trainers[0]?.device.startsWith('WebGPU') ?? false;
    return this.workShare * busyFraction(isGpu, this.#trainers.length, navigator.hardwareConcurrency);
  }

  /** Logits of rows under a model, shared among the trainers: [rows, C], in the order of `rows`. */
  async modelLogits(model: TrainedModel, rows: readonly Int32Array[]): Promise<Float32Array> {
    const trainers = await this.ready();
    const shares = distributeRows(rows, trainers.length);
    return joinRows(await Promise.all(trainers.map((trainer, index) => (shares[index]!.length > 0 ? trainer.modelLogits(model, shares[index]!) : new Float32Array(0)))));
  }
}
