import { performance } from 'node:perf_hooks';
import { estimateEnergyWh } from '../energy/estimate.ts';
import { codeVersion } from '../ground/version.ts';
import type { WholeConfig } from '../engine/parameters.ts';
import { roundUp } from '../ground/rounding.ts';
import { forOwnersEyes, releasableBecause, releasedByOwner } from '../privacy/doors.ts';
import { rememberCharges } from '../training/charged-parts.ts';
import { checkedDevice } from '../training/checked-device.ts';
import { evaluateHeldOut } from '../training/evaluate.ts';
import { exportedFiles, releasableModel } from '../training/export-model.ts';
import { tellsEnergy } from '../training/model-card.ts';
import { sentencesOf } from '../training/label-words.ts';
import { isPrivate, type Plan } from '../training/plan.ts';
import { defaultBalance, defaultDelta, planOfKind, proposePlan, type PlanFacts } from '../training/propose.ts';
import { SessionControl } from '../training/session-control.ts';
import { runSession } from '../training/session.ts';
import { statementAtEnd } from '../training/statement.ts';
import { countUnits, groupUnits, lengthReport, tokenizeNotes } from '../training/units.ts';
import { createNodeKeyStream } from './key-stream.ts';
import { weightBytes } from './model-size.ts';
import { openNodeModel } from './node-engine.ts';
import { startNodeTrainers } from './node-trainers.ts';
import { checkOutFolder, writeModelFolder } from './out-files.ts';
import { runCommand, usageError } from './run-command.ts';
import { print, say } from './terminal.ts';
import { readTrainData } from './train-data.ts';
import { openTrainLedger, type PartsSpent, type TrainLedger } from './train-ledger.ts';
import { checkDelta, fewUnitsWarning, parseTrainOptions, readSentences, trainUsage, twoLayersOf, type TrainOptions } from './train-options.ts';
import { progressLines } from './train-progress.ts';

function kindOf({ method, epsilon }: TrainOptions): Plan['kind'] {
  if (method === 'sentences') return 'label-sentences';
  if (method === 'layers') return 'plain-layers';
  if (epsilon === null) return method === 'lora' ? 'plain-lora' : 'plain-head';
  return method === 'lora' ? 'dp-sgd' : 'full-batch-head';
}

function inParts({ training, heldOut }: PartsSpent): string {
  return `epsilon ${roundUp(training, 3)}${heldOut > 0 ? ` in the training part, ${roundUp(heldOut, 3)} in the held-out part` : ''}`;
}

/** Of the most exposed unit. */
function largerOf({ training, heldOut }: PartsSpent): number {
  return Math.max(training, heldOut);
}

/** What `--layers` says, held to the layers that there are. */
function wholeOf({ topLayers }: TrainOptions, layers: number, usual: WholeConfig): WholeConfig {
  if (topLayers === null) return usual;
  if (topLayers === 'all') return { topLayers: layers, embeddings: true };
  if (topLayers > layers) throw usageError(`--layers must be at most ${layers}, the layers of the model, found ${topLayers}.`, trainUsage);
  return { topLayers, embeddings: false };
}

async function train(options: TrainOptions): Promise<void> {
  const startedAtMs = performance.now();
  await checkOutFolder(options.out, 0);
  const sentences = await readSentences(options.labels);
  const { split, labels, isSynthetic, isDisjoint } = await readTrainData(options);
  const { engine, tokenizer, manifest, checks } = await openNodeModel(options.model);
  const maximumLength = Math.min(options.maximumLength, engine.shape.maximumPositions);

  const tokenized = { training: await tokenizeNotes(split.training, tokenizer, maximumLength), heldOut: await tokenizeNotes(split.heldOut, tokenizer, maximumLength) };
  const training = groupUnits(tokenized.training, labels, options.unit);
  const heldOut = groupUnits(tokenized.heldOut, labels, options.unit);
  const lengths = lengthReport([...tokenized.training, ...tokenized.heldOut], maximumLength);
  const facts: PlanFacts = {
    trainingUnits: training.units.length, trainingRows: split.training.length, heldOutUnits: heldOut.units.length, heldOutRows: split.heldOut.length,
    classes: labels.length, unit: options.unit, encoderLayers: engine.shape.layers, maximumLength, heldOutShare: options.test === null ? 0.2 : 0, seed: options.seed,
    epsilon: options.epsilon ?? 1, delta: options.delta ?? defaultDelta(countUnits([...split.training, ...split.heldOut], options.unit)),
  };
  const kind = planOfKind(kindOf(options), facts);
  const trained = kind.kind === 'plain-layers' ? { ...kind, whole: wholeOf(options, engine.shape.layers, kind.whole) } : kind;
  const proposed = trained.kind === 'full-batch-head' ? { ...trained, ...(options.isBalanced ? { balance: defaultBalance } : {}), ...(options.hasTwoLayers ? twoLayersOf(engine.shape.layers) : {}) } : trained;
  // Beside training, a score of units that train would cost them more than the ledger's parallel parts say.
  const plan = isPrivate(proposed) && !isDisjoint ? { ...proposed, validationEpsilon: null } : proposed;
  say(`${split.training.length} notes train, ${split.heldOut.length} are held out; ${labels.length} labels; ${lengths.cutNotes} notes are cut at ${maximumLength} tokens; ${engine.device}.`);
  const device = checkedDevice(engine.backend, checks);
  for (const { operation } of device.refused) say(`The WebAssembly kernels do not give this model's known answers (${operation}) on this machine, so plain arithmetic is used: right, and many times slower.`);
  if (isPrivate(plan)) {
    const warning = checkDelta(plan.delta, training.units.length, options.unit);
    if (warning !== null) say(warning);
    const proposal = proposePlan(facts, lengths);
    if (!isDisjoint) say(`Some ${options.unit === 'person' ? 'persons' : 'notes'} are in both parts: no score is charged, so none may leave, and the exact ones flatter.`);
    if (proposal.isTooFewRows) say(fewUnitsWarning(options.unit, proposal.signal));
  } else if (plan.kind !== 'label-sentences') say('This run is NOT private: treat the model like the notes.');

  // Once more and with the model's size: it may have filled up, and from here on budget is spent.
  await checkOutFolder(options.out, weightBytes(plan, labels.length, engine.shape));
  let ledger: TrainLedger | null = null;
  if (isPrivate(plan)) {
    ledger = await openTrainLedger(options.ledger, split, plan, labels.length, training.units.length, options.limit, options.person);
    say(`Spending is written to ${options.ledger}. By the end of this run these rows will have spent ${inParts(ledger.after)}.`);
    if (!ledger.after.scoreFits) say(`The held-out part has too little of its budget left for the score of epsilon ${plan.validationEpsilon}: none is charged, so none may leave.`);
    if (ledger.earlierFilesRaised > 0) say(`The people of ${ledger.earlierFilesRaised} earlier file(s) may be in this one too, so their spending adds up and their limit was raised; where no one is in both, give this file another --ledger.`);
  }
  const spending = ledger && rememberCharges(ledger.charges);
  const { trainers, close } = await startNodeTrainers(options.model, engine);
  try {
    const outcome = await runSession({
      runId: 'command line', plan, labels, training: training.units, heldOut: heldOut.units,
      labelSentences: sentencesOf(labels, sentences).map((sentence) => tokenizer.encode(sentence, maximumLength).ids),
      trainers, charges: spending?.port ?? null, keys: isPrivate(plan) ? createNodeKeyStream() : null,
      // A command runs to its end or is run again: what it charged stays charged.
      checkpoints: { save: () => Promise.resolve() },
      clock: () => performance.now(), yields: () => new Promise((resume) => setImmediate(resume)),
      control: new SessionControl(), onProgress: progressLines(plan, say, () => performance.now()), resumeFrom: null,
    });
    await ledger?.end(outcome.state);
    if (outcome.reason === 'budget') say(`The budget ended the run after step ${outcome.stepsDone} of ${outcome.steps}; the model of that step is kept.`);

    const seconds = (performance.now() - startedAtMs) / 1000;
    const energyWh = estimateEnergyWh({ kind: 'class', deviceClass: 'unknown' }, [{ seconds, busyFraction: 1 }]);
    const statement = statementAtEnd(plan, { unit: options.unit, trainingUnits: training.units.length, classes: labels.length }, outcome, spending?.charged ?? { training: [], heldOut: [] });
    // A model that is not private is written where its owner said, and its card says what it is.
    const model = releasableModel(plan, outcome.model) ?? releasedByOwner('save-plain-model', forOwnersEyes(outcome.model));
    const card = {
      baseModel: manifest.name, baseModelSha256: manifest.files['model.safetensors']?.sha256 ?? '', baseModelLicense: manifest.license, codeVersion, isSynthetic,
      labels: releasableBecause('public', labels),
      counts: releasableBecause('public', { trainingRows: split.training.length, trainingUnits: training.units.length, heldOutUnits: heldOut.units.length }),
      plan: releasableBecause('public', plan), stepsDone: releasableBecause('public', outcome.stepsDone), statement: releasableBecause('public', statement),
      accuracy: outcome.releasedAccuracy, energyWh: tellsEnergy(plan) ? releasedByOwner('save-plain-model', forOwnersEyes(energyWh)) : null, device: releasableBecause('public', device),
    };
    await writeModelFolder(options.out, exportedFiles(model, engine.shape, card));

    const { classification } = evaluateHeldOut(outcome.heldOutLogits.value, heldOut.notes, labels, options.groups, options.seed).value;
    const accuracy = classification.accuracy.value;
    const result = {
      accuracy, macro_f1: classification.macroF1,
      per_class: Object.fromEntries(classification.classes.map(({ label, precision, recall, f1, support }) => [label, { precision, recall, f1, support }])),
      epsilon: statement.isPrivate ? statement.epsilon : plan.kind === 'label-sentences' ? 0 : null, delta: statement.isPrivate ? (statement.deltaInAll ?? statement.delta) : null,
      epsilon_held_out: statement.isPrivate ? (statement.validation?.epsilon ?? 0) : plan.kind === 'label-sentences' ? 0 : null,
      epsilon_total: ledger ? largerOf(ledger.spent()) : null, released_accuracy: outcome.releasedAccuracy?.value ?? null,
      unit: options.unit, plan: plan.kind, state: outcome.state, steps: outcome.stepsDone,
      n_train: split.training.length, n_test: split.heldOut.length, seconds, energy_wh: energyWh, device: engine.device, model: options.out,
    };
    const answer = options.json ? JSON.stringify(result) : `accuracy ${accuracy?.toFixed(3) ?? 'undefined'}, macro-F1 ${classification.macroF1.toFixed(3)}, ${statement.isPrivate ? `epsilon ${roundUp(statement.epsilon, 3)} (delta ${roundUp(statement.deltaInAll ?? statement.delta, 2)})` : 'no privacy spent'}, ${seconds.toFixed(0)} s; ${options.out}`;
    print(releasedByOwner('print-scores', forOwnersEyes(`${answer}\n`)));
    say(`Accuracy, macro-F1, the per-class scores, the time and the energy are exact and for your eyes${outcome.releasedAccuracy ? `; the noisy accuracy of ${outcome.releasedAccuracy.value.value.toFixed(3)} (released_accuracy) alone was charged and may leave` : ', and none of them is in the model folder'}.`);
    if (ledger) say(`These rows have spent ${inParts(ledger.spent())} in all runs of this ledger.`);
  } finally {
    await close();
  }
}

await runCommand(trainUsage, () => train(parseTrainOptions(process.argv.slice(2))));
