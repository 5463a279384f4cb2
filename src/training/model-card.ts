import type { EnergyRange } from '../energy/estimate.ts';
import { roundUp } from '../ground/rounding.ts';
import type { Releasable } from '../privacy/doors.ts';
import type { PrivacyStatement } from '../privacy/statement.ts';
import type { ReleasedAccuracy } from './charged-validation.ts';
import { descentInWords } from './descent.ts';
import { startsFromSentences } from './lora-start.ts';
import type { FullBatchHeadPlan, Plan } from './plan.ts';
import type { PooledOrigin } from './received-model.ts';
import type { RunFacts } from './run-facts.ts';
import { searchCandidates } from './search-candidates.ts';

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
  /** Where the model came back from a federation; absent where it was trained on the device alone. */
  readonly pooled?: Releasable<PooledOrigin>;
  /** Estimate for the device class and the run's duration, which follows the lengths of the notes: the card says one digit of it. */
  readonly energyWh: Releasable<EnergyRange>;
}

const publicWords: Readonly<Record<string, string>> = {
  'row-count': 'the number of notes', 'person-count': 'the number of persons', columns: 'the columns', labels: 'the labels and their order', 'label-sentences': 'the label sentences',
  encoder: 'the base model and its tokenizer', 'maximum-length': 'the maximum length', 'split-rule': 'the rule of the split', settings: 'the settings of the plan', 'search-list': 'the list of settings that were searched, and the law of how many runs counted', 'run-count': 'the number of runs',
  'stop-step': 'the step at which training stopped', 'other-data-sets': 'which rows or persons earlier data sets of the same ledger also hold, as far as it decides what budget is left', 'code-version': 'the version of Bedside',
};
const notCoveredWords: Readonly<Record<string, string>> = {
  'hyper-parameters': 'settings chosen after looking at scores', preprocessing: 'cleaning of the rows before training', 'held-out-scores': 'exact held-out scores shown to the owner (none is in this folder)',
  'held-out-people': 'the persons held out to measure with, but for the charged score', 'held-out': 'the notes held out to measure with, but for the charged score',
  'side-channels': "what timing or power use could show to someone at the device, how long the whole run took included; the energy figure here, one digit of it, follows the run's duration", 'other-copies': 'what copies of the notes spend elsewhere (a project file takes its share out of this budget; a file opened on two devices spends it twice, a changed file may claim more, and copies made in other ways are not seen)', 'edited-notes': 'notes whose wording was changed and that were then declared to be about other people: where no column names the persons, they count as new',
  'cleared-data': 'what was spent before the ledger was erased, if it was',
  'label-sentences': 'what the label sentences say', 'sampler-error': "the noise sampler's rounding, which delta leaves out: less than 1e-10 of it for the default plans up to epsilon 3",
};

const round = (value: number, digits = 3) => String(Number(value.toPrecision(digits)));
/** A guarantee is never said to be smaller than it is. */
const atMost = (value: number) => String(roundUp(value, 3));
const atMostDelta = (value: number) => roundUp(value, 2).toExponential(1);
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const list = (codes: readonly string[], words: Readonly<Record<string, string>>) => codes.map((code) => `- ${words[code] ?? code}`).join('\n');

function searchLines({ search }: FullBatchHeadPlan): string[] {
  if (!search) return [];
  return [`These settings are the middle of a public list of ${searchCandidates.length}, in which the clip norm, the step size or the weight of the label sentences is halved or doubled. The model is the best of a secret number of runs, Poisson with mean ${search.meanRuns}, each with a setting drawn from the list; noisy scores on the held-out part decided, and were charged to it.`];
}

/** A text of somebody else's in one line. */
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

function pooledLines({ rounds, version, ownRounds }: PooledOrigin, plan: Plan): string[] {
  const how = plan.kind === 'full-batch-head' ? `a noisy full-batch gradient of a linear head over frozen features of layers ${plan.featureLayers.join(' and ')}, clip norm ${plan.clipNorm}` : 'a noisy update';
  return [`Pooled over ${rounds} rounds: in each, every device that answered sent ${how}, and the federation's server added the mean. Release ${version}. This device answered ${ownRounds} of the rounds it was asked for.`, "A release that does worse on the owner's held-out notes than the one before is not taken: that choice reads them exactly, and epsilon does not cover it."];
}

function planLines(plan: Plan, trainingRows: number | null): string[] {
  switch (plan.kind) {
    case 'full-batch-head':
      return [`Noisy full-batch gradient descent of a linear head over frozen features of layers ${plan.featureLayers.join(' and ')}; ${plan.steps} steps, clip norm ${plan.clipNorm}, started from one public sentence a label.${plan.balance ? ` Rare labels are helped: logits lack ${plan.balance.strength} of the log of each label's share, which was counted with noise, sensitivity 1, for ${plan.balance.countShare} of mu squared.` : ''}`, ...searchLines(plan)];
    case 'dp-sgd':
      return [`DP-SGD of LoRA (rank ${plan.lora.rank}, alpha ${plan.lora.alpha}, ${plan.lora.targets.join(' and ')}) and a linear head; ${plan.steps} steps, expected batch ${plan.expectedBatchSize}, clip norm ${plan.clipNorm}, ${descentInWords(plan, 'Adam')}.`];
    case 'plain-head':
      return [`A linear head over frozen features; ${plan.epochs} epochs, batch ${plan.batchSize}, ${descentInWords(plan, 'AdamW')}.`];
    case 'plain-lora':
      return [`LoRA (rank ${plan.lora.rank}, alpha ${plan.lora.alpha}, ${plan.lora.targets.join(' and ')}) and a linear head; ${plan.epochs} epochs, batch ${plan.batchSize}, ${descentInWords(plan, 'AdamW')}${trainingRows !== null && startsFromSentences(trainingRows) ? ', the head started from one public sentence a label' : ''}.`];
    case 'label-sentences':
      return ['No training: a note goes to the label whose public sentence is most like it.'];
  }
}

const accountantNames: Readonly<Record<(PrivacyStatement & { isPrivate: true })['accountant'], string>> = { 'exact-gaussian': 'exact Gaussian', rdp: 'Rényi (RDP)', zcdp: 'concentrated (zCDP)', pld: 'privacy loss distribution (PLD)' };

function privacyLines(statement: PrivacyStatement, plan: Plan): string[] {
  if (!statement.isPrivate) {
    return plan.kind === 'label-sentences' ? ['This model read no note and no label: it costs no privacy.'] : ['**This model is not private.** It may reveal notes it was trained on; treat it like the notes.'];
  }
  const { unit } = statement;
  return [
    `(epsilon, delta) = (${atMost(statement.epsilon)}, ${atMostDelta(statement.delta)}) for each ${unit === 'row' ? 'note' : 'person'}, zero-out adjacency (the counts are public); ${atMost(statement.epsilonReplaceOne)} if a neighbour replaces a ${unit === 'row' ? 'note' : 'person'} by another.`,
    '',
    `- Accountant: ${accountantNames[statement.accountant]}, ${statement.accountantSettings}${statement.epsilonRdp === undefined ? '' : `; Rényi (RDP) says ${atMost(statement.epsilonRdp)} of the same releases, an upper bound as well`}`,
    `- Sampling: ${statement.sampling === 'full-batch' ? 'every unit in every step' : `Poisson, rate ${round(statement.samplingRate)}, secret`}`,
    `- Noise multiplier ${round(statement.noiseMultiplier)} a step, clip norm ${statement.clipNorm}, ${statement.steps} steps${statement.mu === null ? '' : `, one Gaussian of mu ${atMost(statement.mu)} in all`}`,
    `- Noise: ${statement.noiseLaw ? 'discrete Gaussian, drawn exactly, ' : ''}${statement.isSecureNoise ? 'from a secure generator, keys never stored' : 'NOT from a secure generator'}${statement.samplerDelta === undefined ? '' : `; ${statement.search ? 'its rounding, if any, and the cut of the law of how many runs count add' : 'its rounding adds'} ${atMostDelta(statement.samplerDelta)} to delta`}`,
    '',
    'Treated as public:', list(statement.publicFacts, publicWords), '', 'Not covered by epsilon:', list(statement.notCovered, notCoveredWords),
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

/** The README.md of an exported model. Takes values that may leave, and no others. */
export function modelCard(facts: ModelCardFacts): string {
  const { baseModel, counts, plan, statement, energyWh } = facts;
  const pooled = facts.pooled?.value;
  const unit = plan.value.unit === 'person' ? 'persons' : 'notes';
  const data = counts ? `${counts.value.trainingRows} notes${plan.value.unit === 'person' ? ` of ${counts.value.trainingUnits} persons` : ''}` : 'The number of notes was not recorded with the run';
  return [
    '---', 'library_name: peft', `base_model: ${baseModel}`, 'pipeline_tag: text-classification', '---', '',
    `# A classifier of notes over ${baseModel}`, '',
    `Made with Bedside ${facts.codeVersion} ${pooled ? `by the devices that took part in the federation "${oneLine(pooled.federation)}" of ${oneLine(pooled.coordinator)}, the owner's among them` : "on the owner's own device"}. Base model sha256 \`${facts.baseModelSha256}\`, licence ${facts.baseModelLicense}.`,
    ...(facts.isSynthetic ? ['', '**Trained on synthetic sample notes: a demonstration, of no clinical use.**'] : []), '',
    '## Data', '', `${pooled ? "The owner's part: " : ''}${data}; labels: ${facts.labels.value.join(', ')}.${pooled ? " The other participants' notes never left their devices, and are not counted here." : ''} Notes are read up to ${plan.value.maximumLength} tokens.`, '',
    '## Training', '', ...(pooled ? pooledLines(pooled, plan.value) : planLines(plan.value, counts?.value.trainingRows ?? null)), ...(pooled || plan.value.kind === 'label-sentences' ? [] : [`Steps done: ${facts.stepsDone.value}.`]), '',
    '## Privacy', '', ...(pooled ? ["What this device's updates cost the owner's notes, by its own ledger; the other participants' devices keep theirs.", ''] : []), ...privacyLines(statement.value, plan.value), '',
    '## Scores', '', scoreLine(facts, unit), '',
    '## Energy', '', pooled ? 'Not estimated: many devices trained this model.' : `${round(energyWh.value.low, 1)} to ${round(energyWh.value.high, 1)} Wh, central ${round(energyWh.value.central, 1)}: an estimate from the device class, not a measurement.`, '',
    '## Use', '', 'Not a medical device. `python predict.py BASE_MODEL_FOLDER "text"` gives a label and a confidence; `adapter_*`, where present, load with PEFT.', '',
    `BASE_MODEL_FOLDER is the folder of ${baseModel}, which is not in here: \`models/\` beside Bedside's page has it with the weights above, and so has the base model's own release, whose weights are not rounded to int8, so that figures differ a little.`, '',
    'Labels are those that Bedside gives. Confidences differ from what its owner saw: the temperature that fits them to the held-out notes is an exact figure of these and stays with the owner.', '',
  ].join('\n');
}
