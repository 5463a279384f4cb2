/**
 * The other promises that a coordinator may choose, each by the command on a SuperLink of its own, at the same time: noise of the server's own, few numbers by a
 * public map, and a participant as the unit. Three participants each, with real notes behind the app's own guard, for three rounds.
 */
import { writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { sampleSentences, specialties } from '../../src/data/sample-phrases.ts';
import { agreementFigures } from '../../src/federation/agreement.ts';
import { fromNpy } from '../../src/federation/arrays.ts';
import type { Task } from '../../src/federation/task.ts';
import { gaussianEpsilon } from '../../src/privacy/gaussian.ts';
import { clipNormsMoved } from '../../src/privacy/shared-unit.ts';
import { startCommand, takeSeat, until, type Command } from './command.ts';
import { openEncoder, openGuard, type Encoder, type Guarded } from './guarded.ts';
import { readHistory } from './history.ts';
import { join, type Participant } from './participant.ts';
import { receive, releasedFile } from './receive.ts';
import { equalsReference } from './reference.ts';
import type { Scene } from './scene.ts';

const ROUNDS = 3;
const SEATS = 3;
const RATE = 4;
const CENTRAL_NOISE = 2;
const DIMENSION = 8;
/** Standard errors within which what is drawn must lie: honest draws fail one in a million times. */
const STANDARD_ERRORS = 5;

/** No public notes go with it, so that no gate decides: every round is kept. */
const draft = {
  name: 'Privacy modes', coordinator: 'a test on this machine', labels: specialties, labelSentences: specialties.map((label) => sampleSentences[label]),
  unit: 'row', rounds: ROUNDS, epsilon: 8, delta: 1e-5, clipNorm: 0.3, units: 24,
};

interface Ended {
  readonly command: Command;
  readonly nodes: readonly Participant[];
}

export async function privacyModes(scene: Scene): Promise<void> {
  const startedMs = Date.now();
  const path = joinPath(scene.folder, 'privacy-modes.json');
  writeFileSync(path, JSON.stringify(draft));
  const encoder = openEncoder();
  const mode = async (name: string, args: readonly string[], check: (scene: Scene, ended: Ended) => void): Promise<void> => {
    const command = await startCommand(scene.bin, ['--task', path, ...args, '--server-rate', String(RATE), '--min-clients', String(SEATS), '--min-replies', String(SEATS), '--seats', String(SEATS), '--timeout', '240'], joinPath(scene.folder, name));
    try {
      check(scene, await takePart(scene, name, command, await encoder));
    } finally {
      scene.check((await command.interrupt()) === 0, `${name}: Ctrl-C ends the command well`);
    }
  };
  await Promise.all([
    mode('central-noise', ['--central-noise', String(CENTRAL_NOISE)], centralNoise),
    mode('few-numbers', ['--project', String(DIMENSION)], fewNumbers),
    mode('participant', ['--unit', 'participant'], participantAsUnit),
  ]);
  console.log(`central noise, few numbers, a participant as the unit: ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
}

/** All rounds, and what holds in every mode. */
async function takePart(scene: Scene, name: string, command: Command, encoder: Encoder): Promise<Ended> {
  const { task, taskHash } = command;
  const keys = await Promise.all(Array.from({ length: SEATS }, () => takeSeat(command)));
  const guards = await Promise.all(keys.map((_, index) => openGuard(encoder, task, index + 1)));
  const nodes = await Promise.all(keys.map((key, index) => join(command.origin, task, taskHash, guards[index]!.source, { key, send: command.send })));
  const { state, rounds, epsilon } = await until(command, (status) => status.state === 'finished');
  scene.check(state === 'finished' && rounds.length === ROUNDS && rounds.every(({ isKept, accepted, dropped }) => isKept && accepted === SEATS && dropped === 0), `${name}: every update of every round counts, found ${state} ${JSON.stringify(rounds)}`);
  scene.check(nodes.every(({ node }) => node.record.rounds.every(({ clamps, outcome }) => clamps.length === 0 && outcome !== 'declined')), `${name}: nobody had to clamp or decline anything`);
  scene.check(nodes.every(({ sentArrays }) => sentArrays.length === ROUNDS && sentArrays.every((file) => fromNpy(file, [task.coordinates]).length === task.coordinates)), `${name}: each sent one update a round, of ${task.coordinates} numbers`);
  const { release } = await receive(command, keys[0]!, ROUNDS);
  scene.check(release.version === ROUNDS && release.round === ROUNDS, `${name}: the last round's model comes back, signed, found ${JSON.stringify(release)}`);
  checkLedgers(scene, name, task, guards, epsilon.spent);
  scene.check((await Promise.all(nodes.map(({ node }) => node.leave()))).every(Boolean), `${name}: every node left and the server was told`);
  return { command, nodes };
}

/** What the ledgers of the notes say has been spent is what was agreed, and what the coordinator shows. */
function checkLedgers(scene: Scene, name: string, task: Task, guards: readonly Guarded[], shown: number): void {
  const { epsilonTotal } = agreementFigures(task);
  const found = guards.map((guard) => guard.epsilonSpent());
  // The ledger rounds upwards; each of the three ends a bisection of its own.
  const isAgreed = (epsilon: number) => Math.abs(epsilon / epsilonTotal - 1) < 1e-6;
  scene.check(found.every(isAgreed) && isAgreed(shown) && epsilonTotal <= draft.epsilon * (1 + 1e-9), `${name}: ledgers, coordinator and agreement have one epsilon, found ${JSON.stringify([found, shown, epsilonTotal])}`);
}

function modelsOf({ folder, task }: Command): readonly Float32Array[] {
  return Array.from({ length: ROUNDS + 1 }, (_, version) => fromNpy(releasedFile(folder, version), [task.coordinates]));
}

/** Few numbers and the participant's updates are added up like any: the reference is the same. */
function isMeanOfSent(scene: Scene, name: string, { command, nodes }: Ended): void {
  const out = joinPath(command.folder, 'out');
  scene.check(equalsReference(scene, out, nodes, ROUNDS, { file: joinPath(out, 'release-0.npy'), rate: RATE }), `${name}: the released model equals the NumPy reference over the bytes that were sent, bit for bit`);
}

function fewNumbers(scene: Scene, ended: Ended): void {
  const { task: { coordinates, labels, head } } = ended.command;
  scene.check(head?.projection?.dimension === DIMENSION && coordinates === labels.length * (DIMENSION + 1), `few numbers: ${labels.length} labels by ${DIMENSION} numbers and one, found ${coordinates}`);
  isMeanOfSent(scene, 'few numbers', ended);
}

/** An update is next to nothing but noise here, and shows how much: for two clip norms, not divided by a number of notes. */
function participantAsUnit(scene: Scene, ended: Ended): void {
  const { task } = ended.command;
  isMeanOfSent(scene, 'participant', ended);
  const deviation = clipNormsMoved('participant') * task.clipNorm * task.noiseMultiplier;
  const numbers = ended.nodes.flatMap(({ sentArrays }) => sentArrays.flatMap((file) => [...fromNpy(file, [task.coordinates])]));
  const { variance } = momentsOf(numbers.map((value) => value / deviation));
  // The clipped sum adds one clip norm to each update's square at most: 1 / (4 z^2 d) of the whole, below a thousandth.
  const interval = STANDARD_ERRORS * Math.sqrt(2 / numbers.length) + 1e-3;
  scene.check(task.unit === 'participant' && Math.abs(variance - 1) < interval, `participant: noise for any notes in place of any others, of variance ${variance.toFixed(4)} of what was agreed, expected 1 within ${interval.toFixed(4)}`);
}

/**
 * What the server's noise was is its secret; what is left of each release once the updates are taken out of it must look like what was agreed:
 * Gaussian, of that deviation, another one each round.
 */
function centralNoise(scene: Scene, { command, nodes }: Ended): void {
  const { task } = command;
  const { noiseMultiplier, cohort } = task.centralNoise ?? { noiseMultiplier: NaN, cohort: NaN };
  scene.check(noiseMultiplier === CENTRAL_NOISE && cohort === SEATS, `central noise: the task that was agreed to says how much, found ${JSON.stringify(task.centralNoise)}`);
  const models = modelsOf(command);
  const deviation = (RATE * noiseMultiplier * task.updateNormBound) / cohort;
  const residues = Array.from({ length: ROUNDS }, (_, round) => {
    const sent = nodes.map(({ sentArrays }) => fromNpy(sentArrays[round]!, [task.coordinates]));
    return Array.from(models[round + 1]!, (value, i) => (value - models[round]![i]! - (RATE * sent.reduce((sum, update) => sum + update[i]!, 0)) / cohort) / deviation);
  });
  const all = residues.flat();
  const { mean, variance, fourth } = momentsOf(all);
  // Standard errors of the mean, the variance and the fourth moment of n standard normals: sqrt(1, 2, 96 / n). A number of the grid is a millionth of a deviation.
  const within = (found: number, expected: number, spread: number) => Math.abs(found - expected) < STANDARD_ERRORS * Math.sqrt(spread / all.length);
  scene.check(within(mean, 0, 1) && within(variance, 1, 2) && within(fourth, 3, 96), `central noise: ${all.length} numbers of mean ${mean.toFixed(4)}, variance ${variance.toFixed(4)} and fourth moment ${fourth.toFixed(3)}, expected 0, 1 and 3 within ${[1, 2, 96].map((spread) => (STANDARD_ERRORS * Math.sqrt(spread / all.length)).toFixed(3)).join(', ')}`);
  const products = residues.map((one, round) => one.reduce((sum, value, i) => sum + value * residues[(round + 1) % ROUNDS]![i]!, 0) / task.coordinates);
  scene.check(products.every((product) => Math.abs(product) < STANDARD_ERRORS / Math.sqrt(task.coordinates)), `central noise: every round has noise of its own, found correlations ${products.map((one) => one.toFixed(3)).join(', ')}`);
  console.log(`central noise: ${all.length} numbers that are left of three releases have variance ${variance.toFixed(4)} of what was agreed`);
  // Python's accountant, after the last round, beside ours for what was agreed. Each ends a bisection of its own.
  const charged = readHistory(joinPath(command.folder, 'out')).central;
  const agreed = gaussianEpsilon(Math.sqrt(ROUNDS) / CENTRAL_NOISE, task.delta);
  scene.check(charged?.rounds === ROUNDS && charged.noiseMultiplier === noiseMultiplier && charged.delta === task.delta && Math.abs(charged.epsilon / agreed - 1) < 1e-9, `central noise: charged for what was agreed, epsilon ${agreed}, found ${JSON.stringify(charged)}`);
}

function momentsOf(values: readonly number[]): { readonly mean: number; readonly variance: number; readonly fourth: number } {
  const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
  return { mean: moment(1), variance: moment(2), fourth: moment(4) };
}
