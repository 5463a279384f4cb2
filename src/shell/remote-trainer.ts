import { proxy, releaseProxy, whenLifeLockIsFree, workerDied, wrap } from './remote.ts';
import type { GuardedTrainer, UsedDevice } from './trainer-service.ts';

/** A trainer's port, and the lock that says whether its worker lives. */
export interface TrainerPort {
  readonly port: MessagePort;
  readonly lockName: string;
}

export interface RemoteTrainer extends GuardedTrainer {
  readonly isDead: boolean;
  release(): void;
}

/** The guard's view of a trainer in another worker. Every call rejects with `device/worker-died` once that worker is gone. */
export async function connectTrainer({ port, lockName }: TrainerPort): Promise<RemoteTrainer> {
  const remote = wrap<GuardedTrainer>(port);
  const waiting = new AbortController();
  let isDead = false;
  let die: (error: unknown) => void = () => undefined;
  const death = new Promise<never>((_, reject) => (die = reject));
  death.catch(() => undefined);
  void whenLifeLockIsFree(lockName, waiting.signal).then(
    () => {
      isDead = true;
      die(workerDied('training'));
    },
    () => undefined,
  );
  const orDeath = <Result>(answer: Promise<Result>): Promise<Result> => Promise.race([answer, death]);
  let device: string | null = null;
  const watchers: ((now: UsedDevice) => void)[] = [];
  const hear = (now: UsedDevice) => {
    ({ device } = now);
    for (const onDevice of watchers) onDevice(now);
  };
  await orDeath(remote.watch(proxy(hear)));
  const [shape, asked] = await orDeath(Promise.all([remote.shape, remote.device]));
  return {
    shape,
    get device() {
      return device ?? asked;
    },
    get isDead() {
      return isDead;
    },
    release() {
      waiting.abort();
      remote[releaseProxy]();
      port.close();
    },
    watch: async (onDevice) => void watchers.push(onDevice),
    assign: (units, unit) => orDeath(remote.assign(units, unit)),
    assignHeldOut: (rows) => orDeath(remote.assignHeldOut(rows)),
    useFeatures: (grant) => orDeath(remote.useFeatures(grant)),
    prepareFeatures: (features, onRows, isLasting) => orDeath(remote.prepareFeatures(features, proxy(onRows), isLasting)),
    encode: (rows, features, isLasting) => orDeath(remote.encode(rows, features, isLasting)),
    featureSum: () => orDeath(remote.featureSum()),
    labelCounts: (classes) => orDeath(remote.labelCounts(classes)),
    centreFeatures: (mean, map) => orDeath(remote.centreFeatures(mean, map)),
    headGradientSum: (weights, classes, clipNorm, biasInput) => orDeath(remote.headGradientSum(weights, classes, clipNorm, biasInput)),
    plainHeadGradientSum: (head, units) => orDeath(remote.plainHeadGradientSum(head, units)),
    scoreHead: (head) => orDeath(remote.scoreHead(head)),
    initialParameters: (adapter) => orDeath(remote.initialParameters(adapter)),
    configure: (adapter, isLasting) => orDeath(remote.configure(adapter, isLasting)),
    loraGradientSum: (theta, units, clipNorm) => orDeath(remote.loraGradientSum(theta, units, clipNorm)),
    plainLoraGradientSum: (theta, units) => orDeath(remote.plainLoraGradientSum(theta, units)),
    scoreLora: (theta) => orDeath(remote.scoreLora(theta)),
    modelLogits: (model, rows) => orDeath(remote.modelLogits(model, rows)),
  };
}
