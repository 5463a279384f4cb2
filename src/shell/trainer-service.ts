/** The two faces of a trainer worker. */
import type { CheckedDevice } from '../training/checked-device.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { Trainer } from '../training/trainer.ts';
import type { KernelCheck } from './bedside.service.ts';
import type { Thoroughness } from './backend.ts';
import type { BackendChoice, OpenedDevice } from './device.ts';
import type { EncoderSource } from './encoder-source.ts';
import type { FeatureGrant } from './feature-cache.ts';
import type { SpeedPass, SpeedTask } from './speed-tasks.ts';
import type { Living } from './remote.ts';

/** What the page may ask: nothing that depends on a note. */
export interface TrainerHost extends Living {
  /** Opens a backend and checks its kernels against the reference. */
  open(choice: BackendChoice, thoroughness: Thoroughness, onCheck: (check: KernelCheck) => void): Promise<OpenedDevice>;
  /** Opens a backend that another trainer of the same machine has checked. */
  openChecked(name: 'wasm' | 'webgpu'): Promise<void>;
  /**
   * Loads the encoder, once; the worker can then train. Where the backend was checked here (`open`), it is held to the model's golden batch as well, and given
   * up where it fails; one that is lost is replaced. Answers with the device as it is then. Steps that would take more than `budgetBytes` are cut or refused.
   */
  load(source: EncoderSource, budgetBytes?: number): Promise<OpenedDevice>;
  /** Gives the guard its port. Un-noised sums go there and nowhere else. */
  serve(port: MessagePort): Promise<void>;
  /** Works that share of its time from now on, also in the middle of a run; 1 for all of it. */
  pace(workShare: number): Promise<void>;
  /** Works once on made-up notes, after `load`, and says how long it took. */
  speedPass(task: SpeedTask): Promise<SpeedPass>;
  /** The device as it is now: another one than at the start, checked as that was, where one was lost. */
  device(): Promise<OpenedDevice>;
  /** For tests: gives the device up as if the system had taken it. */
  loseDevice(): Promise<void>;
}

/** What a trainer computes on, and how that was found to be right. */
export interface UsedDevice {
  readonly device: string;
  readonly checked: CheckedDevice;
}

/** What the guard may ask, over its port. */
export interface GuardedTrainer extends Trainer {
  /** Tells of every device that takes the place of a lost one, before the call that met the loss is answered. */
  watch(onDevice: (now: UsedDevice) => void): Promise<void>;
  /** Where features of a run's notes are read from and kept, until further notice; null for nowhere. */
  useFeatures(grant: FeatureGrant | null): Promise<void>;
  /** Logits of any rows under a trained model, for the owner's eyes: [rows, C]. */
  modelLogits(model: TrainedModel, rows: readonly Int32Array[]): Promise<Float32Array>;
}
