/** `npm run federation`: one machine that hands out invitations, serves the app, and adds up noised updates with Flower. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { join, resolve } from 'node:path';
import { runCommand, usageError } from '../../src/cli/run-command.ts';
import { toNpy } from '../../src/federation/arrays.ts';
import { BedsideError } from '../../src/ground/errors.ts';
import { announcement } from './announcement.ts';
import { readCertificate, selfSigned, type Certificate } from './certificate.ts';
import { coordinatorHandler, type Coordinator } from './coordinator.ts';
import { encodeEvaluation, evaluationNotes, type EvaluationNotes } from './evaluation-notes.ts';
import { FederationFolder } from './federation-folder.ts';
import { InvitationLinks } from './invitation-links.ts';
import { networkNames, originOf } from './network-names.ts';
import { readOptions, usage, type Options } from './options.ts';
import { PolicyLog } from './policy-log.ts';
import { installFlower } from './python-environment.ts';
import { releaseKey } from './release-key.ts';
import { serverLimits } from './request-handler.ts';
import { carryOver, type Supervised } from './run-status.ts';
import { Seats } from './seats.ts';
import { ServerLog } from './server-log.ts';
import { startSuperLink, type SuperLink } from './superlink.ts';
import { completeTask, costSentence, type CompleteTask } from './task-draft.ts';

const root = join(import.meta.dirname, '..', '..');
const dist = join(root, 'dist');
const COMPLETED = 'finished:completed';
const MOST_RUNS = 4;

await runCommand(usage, async () => {
  const options = readOptions(process.argv.slice(2));
  const key = releaseKey(stateOf(options));
  const centralNoise = options.centralNoise === null ? null : { noiseMultiplier: options.centralNoise, cohort: options.minClients };
  const complete = await completeTask(options.taskFile === null ? null : readTaskFile(options.taskFile), { ...options, centralNoise, releaseKey: key.publicKey });
  checkCohort(complete, options);
  const notes = await evaluationNotes(options.evaluationFile, complete.task);
  const own = options.certificate === null ? null : readCertificate(options.certificate.cert, options.certificate.key);
  const bin = installFlower(say);
  await buildApp(options);
  await serve(options, { complete, own, bin, notes, releaseKeyFile: key.file });
});

interface Prepared {
  readonly complete: CompleteTask;
  /** A certificate that the coordinator has. */
  readonly own: Certificate | null;
  /** Folder of flwr's commands. */
  readonly bin: string;
  readonly notes: EvaluationNotes | null;
  readonly releaseKeyFile: string;
}

function stateOf({ stateFolder }: Options): string {
  return resolve(stateFolder ?? join(root, '.federation'));
}

/** A task file may bring its own central noise. */
function checkCohort({ task: { centralNoise } }: CompleteTask, { minReplies, trim }: Options): void {
  if (centralNoise === undefined) return;
  if ((trim ?? 0) > 0 || minReplies > centralNoise.cohort) throw usageError(`With central noise --trim must be 0 and --min-replies at most the cohort of ${centralNoise.cohort}; found ${trim ?? 0} and ${minReplies}.`, usage);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function readTaskFile(path: string): Uint8Array {
  if (!existsSync(path)) throw new BedsideError('cli/no-task', 'input', `${path} does not exist.`, 'Name a task file with --task, or leave --task out for the built-in notes.');
  return readFileSync(path);
}

async function buildApp({ isBuilding }: Options): Promise<void> {
  if (!isBuilding && !existsSync(join(dist, 'index.html'))) throw new BedsideError('cli/no-build', 'settings', 'dist/ holds no built app.', 'Leave --no-build out.');
  if (!isBuilding) return;
  say('Building Bedside; this takes some seconds.');
  const { build } = await import('vite');
  // What plugins took of the build is of no interest here.
  await build({ root, logLevel: 'warn', build: { rolldownOptions: { checks: { pluginTimings: false } } } });
}

async function serve(options: Options, { complete, own, bin, notes, releaseKeyFile }: Prepared): Promise<void> {
  const state = stateOf(options);
  const folder = new FederationFolder(state, complete.taskHash);
  folder.hold();
  const names = networkNames(options.host);
  const certificate = own ?? selfSigned(state, bin, names.all, Date.now());
  const kept = folder.readSeats();
  folder.saveSeats(kept);
  const seats = new Seats(kept, options.seats, (next) => folder.saveSeats(next));
  const links = new InvitationLinks(options.publicAddress ?? originOf(names.shown, options.port), seats);
  const serverLog = new ServerLog(folder.log);
  const log = new PolicyLog((line) => serverLog.line(`coordinator: ${line}`));
  const taskPath = folder.write('task.json', complete.file);
  const initial = complete.initial === null ? '' : folder.write('initial.npy', toNpy(complete.initial, [complete.initial.length]));
  if (notes !== null) say(`Reading ${notes.texts.length} public notes that models are scored on.`);
  const evaluation = notes === null ? '' : await encodeEvaluation(notes, complete.task, folder.path);
  carryOver(folder.out);
  // Of an earlier start, whose run may have been cut off; the ServerApp writes it anew.
  rmSync(join(folder.out, 'answerable.txt'), { force: true });

  let supervised: Supervised = 'running';
  say('Starting the SuperLink.');
  const superlink = await startSuperLink(bin, folder.path, (text) => serverLog.output(text)).catch((error: unknown) => {
    folder.release();
    throw error;
  });
  const coordinator = coordinatorHandler({
    task: complete.task, taskFile: complete.file, outFolder: folder.out, filesFolder: dist, upstreamPort: superlink.port, minClients: options.minClients, isDealing: !options.isByHand,
    fingerprint: certificate.fingerprint, seats, links, log, nowMs: Date.now, supervised: () => supervised,
  });
  const server = createServer({ ...serverLimits, cert: certificate.cert, key: certificate.key }, coordinator.handle);
  const stop = stopper(superlink, coordinator, () => {
    server.close();
    server.closeAllConnections();
  }, () => folder.release());
  try {
    await listening(server, options.port, names.listen);
  } catch (error) {
    await stop();
    throw error;
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      say('\nStopping; the model, the seats and the rounds are kept.');
      void stop().then(() => process.exit(0));
    });
  }
  const invitations = options.isByHand ? seats.freeInvitations().map((invitation) => links.seat(invitation)) : null;
  say(announcement({ task: complete.task, cost: costSentence(complete.task), links, invitations, seats: seats.counts(), fingerprint: certificate.fingerprint, folder: folder.path, minClients: options.minClients }));

  void superlink.ended.then(() => {
    if (stop.isStopping()) return;
    supervised = 'failed';
    say(`The SuperLink ended by itself. What it said is in ${folder.log}. Stop with Ctrl+C and start again: it goes on from the last model.`);
  });
  const status = await runToTheEnd(superlink, stop, {
    task: taskPath, out: folder.out, initial, evaluation, 'release-key': releaseKeyFile, resume: true, 'min-nodes': options.minClients, 'min-replies': options.minReplies, trim: options.trim ?? -1,
    'server-rate': options.serverRate ?? complete.serverRate, 'timeout-s': options.timeoutSeconds,
  });
  if (stop.isStopping()) return;
  supervised = status === COMPLETED ? 'ended' : 'failed';
  say(status === COMPLETED
    ? `All rounds are done. The newest release is ${join(folder.out, 'model.npy')}; participants can fetch it until you stop with Ctrl+C.`
    : `The run did not end well (${status || 'no status'}). What it said is in ${folder.log}. Stop with Ctrl+C and start again: it goes on from the last model.`);
}

/** A run that is cut off goes on as a new one, from what the ServerApp wrote last. Resolves to the status of the last. */
async function runToTheEnd(superlink: SuperLink, stop: Stopper, settings: Parameters<SuperLink['run']>[0]): Promise<string> {
  let status = await superlink.run(settings);
  for (let tries = 1; tries < MOST_RUNS && status !== COMPLETED && !stop.isStopping(); tries++) {
    say(`The run was cut off (${status || 'no status'}); it goes on from the last model.`);
    status = await superlink.run(settings);
  }
  return status;
}

interface Stopper {
  (): Promise<void>;
  isStopping(): boolean;
}

/** Stops everything, once. */
function stopper(superlink: SuperLink, coordinator: Coordinator, closeServer: () => void, released: () => void): Stopper {
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      closeServer();
      coordinator.close();
      await superlink.stop();
      released();
    })();
    return stopping;
  };
  return Object.assign(stop, { isStopping: () => stopping !== null });
}

function listening(server: ReturnType<typeof createServer>, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolvePromise, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new BedsideError('cli/port', 'settings', `Port ${port} cannot be listened on (${error.code ?? error.name}).`, 'Choose another with --port, or another --host.')));
    server.listen(port, host, resolvePromise);
  });
}
