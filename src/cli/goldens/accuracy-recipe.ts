/** What a reference run of `accuracy.json` and a kept run of the product were trained with, in the same words. */
import { usualDescent, type Plan, type SearchSettings } from '../../training/plan.ts';

export interface ReferenceRun {
  readonly method: string;
  readonly variant?: string;
  readonly base: string;
  readonly matmul: string;
  /** Whose outputs a frozen head reads. */
  readonly layer?: number;
  readonly seed?: number | readonly number[];
  readonly eps?: number;
  readonly delta?: number;
  /** Of the exact Gaussian that both releases together are. */
  readonly mu?: number;
  readonly n_train?: number;
  readonly n_test?: number;
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly result: { readonly test: { readonly acc?: number; readonly f1?: number; readonly acc_seeds?: readonly number[] } };
}

/** A file of `bench/results/accuracy`, as far as it is read here. */
export interface KeptRun {
  /** A key of the reference's sets. */
  readonly set: string;
  readonly accuracy: number;
  /** Units of privacy: rows, those of one text counted once. */
  readonly trainingRows: number;
  readonly testRows: number;
  readonly plan: Plan;
}

/** Names as the reference writes them; what it does not say is 'none'. */
type Recipe = Readonly<Record<string, unknown>>;

/** all-MiniLM-L6-v2 has six. */
const lastLayer = 6;

const weighted = (layers: readonly number[], weights: readonly number[]) => (layers.length === 1 ? String(layers[0]) : `${layers.join('+')} at ${weights.join('+')}`);

const loraWords = ({ rank, alpha, targets }: { readonly rank: number; readonly alpha: number; readonly targets: readonly string[] }): Recipe => ({ r: rank, alpha, targets: targets.join(',') });

const searchWords = (search: SearchSettings | null | undefined) => (search ? 'best of a secret number of runs' : 'none');

/** Why no plan trains what a reference run did, by its method; null where one may. */
export function notOurs(set: string, { method, variant, recipe }: ReferenceRun): string | null {
  if (set === 'ncbi') return 'tags words; the product labels notes';
  if (method === 'frozen+LR') return 'logistic regression by L-BFGS; the product trains its head by AdamW or by noisy descent';
  if (method === 'full') return 'trains every weight, embeddings too; the product never moves those';
  if (method.startsWith('Opacus')) return "Opacus' own recipe of a head; `npm run bench -- private-accuracy` has it beside ours";
  if (method.startsWith('noisy full-batch head') && variant !== 'R') return 'an earlier recipe, with momentum and one nu for all; the product trains recipe R';
  if ('encoder dropout' in recipe) return 'has dropout in the encoder; the product trains without';
  return null;
}

const kinds: Readonly<Record<string, Plan['kind']>> = { 'frozen+AdamW head': 'plain-head', lora: 'plain-lora', 'DP-SGD LoRA + head': 'dp-sgd' };

/** The kind of plan that trains as a reference method does. */
export function kindOf({ method, variant }: ReferenceRun): Plan['kind'] | null {
  return variant === 'R' ? 'full-batch-head' : (kinds[method] ?? null);
}

/** What the reference says of a run in its own fields and its recipe. */
function wordsOfReference({ eps, delta, n_train: trained, n_test: tested, layer, recipe }: ReferenceRun): Recipe {
  const { layers, squared_weights: weights, init, ...others } = recipe;
  const features = Array.isArray(layers) ? { layers: weighted(layers, Array.isArray(weights) ? weights : layers.map(() => 1 / layers.length)) } : {};
  // The label sentences lie in the last layer's block, however many there are.
  const start = typeof init === 'string' ? { init: init.replace(' (layer 6 block)', '') } : {};
  return { 'training rows': trained, 'test rows': tested, eps, delta, layer, ...features, ...start, ...others };
}

/** The same of a plan; null for a kind that no reference method is of. */
function wordsOfPlan(plan: Plan): Recipe | null {
  const common = { max_length: plan.maximumLength };
  if (plan.kind === 'full-batch-head') {
    const { epsilon, delta, steps, clipNorm, meanShare, labelScale, biasInput, averageLast, maximumNu, featureLayers, featureWeights, balance, search } = plan;
    return {
      ...common, eps: epsilon, delta, layers: weighted(featureLayers, featureWeights), T: steps, clip: clipNorm, momentum: 0, average_last: averageLast, bias_input: biasInput, sampling_rate: 1,
      mean: `noisy mean, ${meanShare} of mu^2, James-Stein shrunk`, nu: `min(${maximumNu}, .35 sqrt(N mu/K))`, init: `${labelScale} x unit label vector, centred by their own mean`,
      balance: balance ? 'by noisy label counts' : 'none', search: searchWords(search),
    };
  }
  if (plan.kind === 'plain-head' || plan.kind === 'plain-lora') {
    const { optimizer, warmUpShare, decay } = plan.descent ?? usualDescent;
    const descent = { epochs: plan.epochs, lr: plan.learningRate, batch: plan.batchSize, weight_decay: plan.weightDecay, 'early stop': plan.stopEarly ? 'by held-out loss' : 'none' };
    if (plan.kind === 'plain-head') return { ...common, ...descent, layer: lastLayer, norm: 'none', schedule: optimizer === 'adamw' && warmUpShare === 0 && decay === 'linear' ? 'linear to 0' : 'another' };
    return { ...common, ...descent, ...loraWords(plan.lora), optimizer: optimizer === 'adamw' ? 'AdamW' : 'SGD', warmup: warmUpShare, schedule: decay, pooling: 'mean', dropout: 0 };
  }
  if (plan.kind === 'dp-sgd') {
    const { epsilon, delta, steps, expectedBatchSize, clipNorm, learningRate, lora, descent } = plan;
    const { optimizer, decay } = descent ?? usualDescent;
    return { ...common, eps: epsilon, delta, steps, expected_batch: expectedBatchSize, clip: clipNorm, lr: learningRate, ...loraWords(lora), optimizer: optimizer === 'adamw' ? 'Adam' : 'SGD', schedule: decay === 'linear' ? 'linear to 0' : decay, head_init: 'label sentences' };
  }
  return null;
}

/** Rows of one text are one unit, so that there are a few units fewer; the reference counts rows. */
const rowsOf = (units: number, rows: number | undefined) => (rows !== undefined && units <= rows && units >= 0.99 * rows ? rows : units);

/** How the reference computed, which changes nothing of what is trained. */
const besideTheRecipe: ReadonlySet<string> = new Set(['per_example']);

/** What a kept run was trained with otherwise than a reference run, one line a setting; null where it trains another kind of model. */
export function differences(run: ReferenceRun, kept: KeptRun): readonly string[] | null {
  const words = wordsOfPlan(kept.plan);
  if (words === null || kept.plan.kind !== kindOf(run)) return null;
  const ours: Recipe = { 'training rows': rowsOf(kept.trainingRows, run.n_train), 'test rows': rowsOf(kept.testRows, run.n_test), ...words };
  const theirs = wordsOfReference(run);
  const word = (recipe: Recipe, name: string) => String(recipe[name] ?? 'none');
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter((name) => !besideTheRecipe.has(name));
  return names.filter((name) => word(ours, name) !== word(theirs, name)).map((name) => `${name} ${word(theirs, name)}, kept ${word(ours, name)}`);
}
