import { forOwnersEyes, releasableBecause, releasedByOwner, type Releasable } from '../privacy/doors.ts';
import { codeVersion } from '../ground/version.ts';
import { exportedFiles, exportedZip, releasableModel } from '../training/export-model.ts';
import { tellsEnergy } from '../training/model-card.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { RunResults } from './bedside.service.ts';
import type { EncoderFacts } from './encoder.ts';
import { releasableFile } from './leaving-file.ts';
import type { ProjectRecord, RunRecord } from './records.ts';

/**
 * The zip that leaves: parameters, labels and a card of public facts and charged scores. Neither the fitted temperature nor an exact score goes with it.
 * The card speaks of the run alone: the notes may have been changed since, and the project's name is nobody's business.
 * A plain model is a function of the notes; the export dialog names that before the owner asks for it, which is the deliberate act that lifts its mark.
 */
export function exportedModel({ isSynthetic }: Pick<ProjectRecord, 'isSynthetic'>, run: RunRecord, model: TrainedModel, results: RunResults, encoder: Pick<EncoderFacts, 'shape' | 'report'>): Releasable<Blob> {
  const { facts } = run;
  const released = releasableModel(run.plan, model) ?? releasedByOwner('save-plain-model', forOwnersEyes(model));
  const files = exportedFiles(released, encoder.shape, {
    baseModel: encoder.report.name,
    baseModelSha256: encoder.report.sha256,
    baseModelLicense: encoder.report.license,
    codeVersion: facts?.codeVersion ?? codeVersion,
    isSynthetic: facts?.isSynthetic ?? isSynthetic,
    labels: releasableBecause('public', model.labels),
    counts: facts ? releasableBecause('public', { trainingRows: facts.trainingRows, trainingUnits: facts.trainingUnits, heldOutUnits: facts.heldOutUnits }) : null,
    plan: releasableBecause('public', run.plan),
    stepsDone: releasableBecause('public', run.stepsDone),
    statement: releasableBecause('public', results.statement),
    accuracy: results.releasedAccuracy === null ? null : releasableBecause('charged', results.releasedAccuracy),
    ...(run.checkedDevice ? { device: releasableBecause('public', run.checkedDevice) } : {}),
    energyWh: tellsEnergy(run.plan) ? releasedByOwner('save-plain-model', forOwnersEyes(run.energyWh)) : null,
    ...(run.isFromFile ? { isFromFile: true } : {}),
    ...(run.pooled ? { pooled: releasableBecause('public', run.pooled) } : {}),
  });
  return releasableFile(releasableBecause('post-processing', [new Uint8Array(exportedZip(files).value)]), 'application/zip');
}
