import { joinRows } from './distribute.ts';
import type { SessionRun } from './session-run.ts';
import type { FeatureSettings, HeadParameters } from './trainer.ts';

/** Reports of a reading that may take many minutes; each asks the ledger what is left. */
const reportMs = 200;

/** Every trainer computes the frozen features of its rows, or finds them in its cache; progress counts rows of all. Waits out a pause; rejects with `training/stopped-early` where the run is to stop. */
export async function prepareFeatures(run: SessionRun, features: FeatureSettings): Promise<void> {
  const { training, heldOut } = run.input;
  const total = [...training, ...heldOut].reduce((rows, unit) => rows + unit.rows.length, 0);
  const done = new Array<number>(run.input.trainers.length).fill(0);
  run.reportPhase('features', 0, total);
  let reportedAtMs = run.input.clock();
  await run.onAll((trainer, index) =>
    trainer.prepareFeatures(features, (rows) => {
      done[index] = rows;
      const read = done.reduce((sum, value) => sum + value, 0);
      const nowMs = run.input.clock();
      if (read === total || nowMs - reportedAtMs >= reportMs) {
        reportedAtMs = nowMs;
        run.reportPhase('features', read, total);
      }
      return run.mayStep();
    }, true),
  );
}

/** Features of the label sentences, not centred: [C, D]. */
export async function sentenceFeatures(run: SessionRun, features: FeatureSettings): Promise<Float32Array> {
  return run.input.trainers[0]!.encode(run.input.labelSentences, features);
}

/** Logits of all held-out rows under a head: [rows, C]. */
export async function headRows(run: SessionRun, head: HeadParameters): Promise<Float32Array> {
  return joinRows(await run.onAll((trainer) => trainer.scoreHead(head)));
}

/** Logits of all held-out rows under LoRA and head: [rows, C]. */
export async function loraRows(run: SessionRun, theta: Float32Array): Promise<Float32Array> {
  return joinRows(await run.onAll((trainer) => trainer.scoreLora(theta)));
}
