import type { EnergyRange } from '../energy/estimate.ts';
import type { Releasable } from '../privacy/doors.ts';
import type { PrivacyStatement } from '../privacy/statement.ts';
import type { ReleasedAccuracy } from './charged-validation.ts';
import type { CheckedDevice } from './checked-device.ts';
import { descentInWords } from './descent.ts';
import { startsFromSentences } from './lora-start.ts';
import { isPrivate, type FeatureLayers, type FullBatchHeadPlan, type Plan } from './plan.ts';
import type { PooledOrigin } from './received-model.ts';
import type { RunFacts } from './run-facts.ts';
import { searchCandidates } from './search-candidates.ts';
import { atMost, cardLines } from './statement-card.ts';

/** All that a model card may say: public facts and charged releases, nothing exact about private rows. */
export interface ModelCardFacts {
  readonly baseModel: string;
  readonly baseModelSha256: string;
  readonly baseModelLicense: string;
  readonly codeVersion: string;
  readonly isSynthetic: boolean;
  readonly labels: Releasable<readonly string[]>;
  /** Counts that zero-out adjacency holds public, as they were when the run began; null where an older version did not write them down. */
  readonly counts: Releasable<Pick<RunFacts, 'trainingRows' | 'trainingUnits' | 'heldOutUnits'>> | null;
  readonly plan: Releasable<Plan>;
  readonly stepsDone: Releasable<number>;
  readonly statement: Releasable<PrivacyStatement>;
  readonly accuracy: Releasable<ReleasedAccuracy> | null;
  /** The run came with a project file: nobody here saw it being made. */
  readonly isFromFile?: boolean;
  /** Where the model came back from a federation; absent where it was trained on the device alone. */
  readonly pooled?: Releasable<PooledOrigin>;
  /** What it was trained on and how that was checked; absent from runs of older versions. */
  readonly device?: Releasable<CheckedDevice>;
  /** Estimate for the device class and the run's duration: the card says one digit of it. Null where `tellsEnergy` says so: a duration follows the lengths of the notes, and no charge covers that. */
  readonly energyWh: Releasable<EnergyRange> | null;
}

/** Whether a card may tell the energy of a run: not of a private one, nor of label sentences alone, whose card says that they tell of nobody. */
export function tellsEnergy(plan: Plan): boolean {
  return !isPrivate(plan) && plan.kind !== 'label-sentences';
}

/** Whether the files of its model are an adapter in PEFT's layout beside the last layer. */
const hasAdapters = (plan: Plan) => plan.kind === 'dp-sgd' || plan.kind === 'plain-lora';

/** What loads the files, as the Hub reads it: PEFT an adapter; the others no library but the script beside them. */
const libraryOf = (plan: Plan) => (hasAdapters(plan) ? 'peft' : 'bedside');

const round = (value: number, digits = 3) => String(Number(value.toPrecision(digits)));
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

function searchLines({ search }: FullBatchHeadPlan): string[] {
  if (!search) return [];
  return [`These settings are the middle of a public list of ${searchCandidates.length}, in which the clip norm, the step size or the weight of the label sentences is halved or doubled. The model is the best of a secret number of runs, Poisson with mean ${search.meanRuns}, each with a setting drawn from the list; noisy scores on the held-out part decided, and were charged to it.`];
}

const layersInWords = ({ featureLayers }: FeatureLayers) => `layer${featureLayers.length > 1 ? 's' : ''} ${featureLayers.join(' and ')}`;

/** A text of somebody else's in one line. */
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

function pooledLines({ rounds, version, ownRounds }: PooledOrigin, plan: Plan): string[] {
  const how = plan.kind === 'full-batch-head' ? `a noisy full-batch gradient of a linear head over frozen features of ${layersInWords(plan)}, clip norm ${plan.clipNorm}` : 'a noisy update';
  return [`Pooled over ${rounds} rounds: in each, every device that answered sent ${how}, and the federation's server added the mean. Release ${version}. This device answered ${ownRounds} of the rounds it was asked for.`, "A release that does worse on the owner's held-out notes than the one before is not taken: that choice reads them exactly, and epsilon does not cover it."];
}

function planLines(plan: Plan, trainingRows: number | null): string[] {
  switch (plan.kind) {
    case 'full-batch-head':
      return [`Noisy full-batch gradient descent of a linear head over frozen features of ${layersInWords(plan)}; ${plan.steps} steps, clip norm ${plan.clipNorm}, started from one public sentence a label.${plan.balance ? ` Rare labels are helped: logits lack ${plan.balance.strength} of the log of each label's share, which was counted with noise, sensitivity 1, for ${plan.balance.countShare} of mu squared.` : ''}`, ...searchLines(plan)];
    case 'dp-sgd':
      return [`DP-SGD of LoRA (rank ${plan.lora.rank}, alpha ${plan.lora.alpha}, ${plan.lora.targets.join(' and ')}) and a linear head; ${plan.steps} steps, expected batch ${plan.expectedBatchSize}, clip norm ${plan.clipNorm}, ${descentInWords(plan, 'Adam')}.`];
    case 'plain-head':
      return [`A linear head over frozen features; ${plan.epochs} epochs, batch ${plan.batchSize}, ${descentInWords(plan, 'AdamW')}.`];
    case 'plain-lora':
      return [`LoRA (rank ${plan.lora.rank}, alpha ${plan.lora.alpha}, ${plan.lora.targets.join(' and ')}) and a linear head; ${plan.epochs} epochs, batch ${plan.batchSize}, ${descentInWords(plan, 'AdamW')}${trainingRows !== null && startsFromSentences(trainingRows) ? ', the head started from one public sentence a label' : ''}.`];
    case 'plain-layers':
      return [`${plan.whole.embeddings ? 'The whole encoder, embeddings included,' : `The top ${plan.whole.topLayers === 1 ? 'layer' : `${plan.whole.topLayers} layers`} of the encoder`} and a linear head, as they are; ${plan.epochs} epochs, batch ${plan.batchSize}, ${descentInWords(plan, 'AdamW')}${trainingRows !== null && startsFromSentences(trainingRows) ? ', the head started from one public sentence a label' : ''}.`];
    case 'label-sentences':
      return ['No training: a note goes to the label whose public sentence is most like it.'];
  }
}

function stoppedLines(plan: Plan): string[] {
  if (!('stopEarly' in plan) || !plan.stopEarly) return [];
  return [`The run was to end after ${plan.stopEarly.patience} of its ten looks at the held-out notes without a smaller loss; the model is that of the least. A score on these notes flatters it a little.`];
}

function continuedLines({ continues, kind }: Plan): string[] {
  if (!continues) return [];
  const kept = kind === 'full-batch-head' ? 'with the noise, the clip norm and the step size of the first' : kind === 'dp-sgd' ? 'with the noise, the sampling and the clip norm of the first; learning rate and moments began anew' : 'learning rate and moments began anew';
  return [`This run trained on from the model of run ${continues.runNumber}, which had ${continues.stepsBefore} steps behind it, on the same notes and the same split, ${kept}.`];
}

function privacyLines(statement: PrivacyStatement, plan: Plan): string[] {
  if (!statement.isPrivate) {
    return plan.kind === 'label-sentences' ? ['This model read no note and no label: it costs no privacy.'] : ['**This model is not private.** It may reveal notes it was trained on; treat it like the notes.'];
  }
  return cardLines(statement).map(({ text }) => `- ${text}`);
}

const backendNames: Readonly<Record<CheckedDevice['backend'], string>> = { reference: 'plain arithmetic in TypeScript', wasm: 'WebAssembly', webgpu: 'WebGPU' };
/** What failed, as the engine calls it. */
const failedWords: Readonly<Record<string, string>> = { goldenOutputs: 'outputs of the base model', goldenLosses: "losses of the base model's golden batch", goldenGradients: "gradients of the base model's golden batch" };

function deviceLines({ backend, checksPassed, hasGolden, refused }: CheckedDevice): string[] {
  const checked = backend === 'reference'
    ? 'which is the definition of every operation'
    : checksPassed === 0 ? 'which was not checked' : `which agreed with plain arithmetic in ${checksPassed} checks${hasGolden ? ", the base model's golden batch among them" : ''}`;
  return [
    `Begun on ${backendNames[backend]}, ${checked}.`,
    ...refused.map((one) => {
      const what = failedWords[one.operation] ?? `\`${one.operation}\``;
      return `${backendNames[one.backend]} was refused: its ${what} did not agree with plain arithmetic${one.layer === undefined ? '' : `, from ${one.layer === 0 ? 'the embeddings' : `layer ${one.layer}`} on`}.`;
    }),
  ];
}

function scoreLine({ accuracy, counts, statement: { value: statement } }: ModelCardFacts, unit: 'persons' | 'notes'): string {
  if (accuracy) {
    const { value, low, high, epsilon } = accuracy.value;
    return `Accuracy ${percent(value)} (95 % interval ${percent(low)} to ${percent(high)}, noise included), charged validation on ${counts ? `${counts.value.heldOutUnits} ` : ''}held-out ${unit} at epsilon ${atMost(epsilon)}, which composes in parallel with training.`;
  }
  if (!statement.isPrivate || !statement.validation) return 'No score was charged, so none is stated.';
  const charged = `The held-out ${unit} were charged epsilon ${atMost(statement.validation.epsilon)}`;
  return statement.search ? `${charged} for what the search chose by, and no score that may leave is kept, so none is stated.` : `${charged} for a score that was not kept, so none is stated.`;
}

/** The ends follow from the one digit of the middle: a digit of each would tell the run's duration three times as finely. */
function energyInOneDigit({ low, central, high }: EnergyRange): string {
  const digit = Number(central.toPrecision(1));
  const scale = central > 0 ? digit / central : 1;
  return `${round(low * scale, 1)} to ${round(high * scale, 1)} Wh, central ${digit}`;
}

/** The README.md of an exported model. Takes values that may leave, and no others. */
export function modelCard(facts: ModelCardFacts): string {
  const { baseModel, counts, plan, statement, energyWh } = facts;
  const pooled = facts.pooled?.value;
  const unit = plan.value.unit === 'person' ? 'persons' : 'notes';
  const data = counts ? `${counts.value.trainingRows} notes${plan.value.unit === 'person' ? ` of ${counts.value.trainingUnits} persons` : ''}` : 'The number of notes was not recorded with the run';
  return [
    '---', `library_name: ${libraryOf(plan.value)}`, `base_model: ${baseModel}`, 'pipeline_tag: text-classification', '---', '',
    `# A classifier of notes over ${baseModel}`, '',
    `Made with Bedside ${oneLine(facts.codeVersion)} ${pooled ? `by the devices that took part in the federation "${oneLine(pooled.federation)}" of ${oneLine(pooled.coordinator)}, the owner's among them` : "on the owner's own device"}. Base model sha256 \`${facts.baseModelSha256}\`, licence ${facts.baseModelLicense}.`,
    ...(facts.isFromFile ? ['', '**The run came with a project file. Its epsilon was worked out anew from the releases that the file names. That these are all, and what else is said of the run here, is what that file said: the device that wrote this card neither made the run nor holds its charges.**'] : []),
    ...(facts.isSynthetic ? ['', '**Trained on synthetic sample notes: a demonstration, of no clinical use.**'] : []), '',
    '## Data', '', `${pooled ? "The owner's part: " : ''}${data}; labels: ${facts.labels.value.join(', ')}.${pooled ? " The other participants' notes never left their devices, and are not counted here." : ''} Notes are read up to ${plan.value.maximumLength} tokens.`, '',
    '## Training', '', ...(pooled ? pooledLines(pooled, plan.value) : [...planLines(plan.value, counts?.value.trainingRows ?? null), ...stoppedLines(plan.value), ...continuedLines(plan.value)]), ...(pooled || plan.value.kind === 'label-sentences' ? [] : [`Steps done: ${facts.stepsDone.value}${plan.value.continues ? `, and ${plan.value.continues.stepsBefore} before` : ''}.`]), '',
    '## Privacy', '', ...(pooled ? ["What this device's updates cost the owner's notes, by its own ledger; the other participants' devices keep theirs.", ''] : []), ...privacyLines(statement.value, plan.value), '',
    '## Scores', '', scoreLine(facts, unit), '',
    ...(facts.device && !pooled ? ['## Device', '', ...deviceLines(facts.device.value), ''] : []),
    ...(pooled ? ['## Energy', '', 'Not estimated: many devices trained this model.', ''] : energyWh ? ['## Energy', '', `${energyInOneDigit(energyWh.value)}: an estimate from the device class, not a measurement.`, ''] : []),
    '## Use', '', 'Not a medical device. `python predict.py BASE_MODEL_FOLDER "text"` gives a label and a confidence.' + (hasAdapters(plan.value) ? ' `adapter_*` load with PEFT.' : ''), '',
    `BASE_MODEL_FOLDER is the folder of ${baseModel}, which is not in here: \`models/\` beside Bedside's page has it with the weights above, and so has the base model's own release, whose weights are not rounded to int8, so that figures differ a little.`, '',
    'Labels are those that Bedside gives. Confidences differ from what its owner saw: the temperature that fits them to the held-out notes is an exact figure of these and stays with the owner.', '',
  ].join('\n');
}
