import { releasableBecause } from '../privacy/doors.ts';
import { codeVersion } from '../ground/version.ts';
import { exportedFiles, exportedZip, releasableModel } from '../training/export-model.ts';
import type { TrainedModel } from '../training/trained-model.ts';
import type { RunResults } from './bedside.service.ts';
import type { EncoderFacts } from './encoder.ts';
import type { LedgerSubject } from './ledger-keeper.ts';
import type { ProjectRecord, RunRecord } from './records.ts';

function folderName(project: ProjectRecord, run: RunRecord): string {
  const name = project.name.normalize('NFKD').replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').toLowerCase();
  return `${name || 'model'}-run-${run.number}`;
}

/**
 * The zip that leaves: parameters, labels and a card of public facts and charged scores. Neither the fitted temperature nor an exact score goes with it.
 * A plain model is a function of the notes; the export dialog names that before the owner asks for it, which is the deliberate act that lifts its mark.
 */
export function exportedModel(project: ProjectRecord, run: RunRecord, model: TrainedModel, results: RunResults, encoder: EncoderFacts, subject: LedgerSubject): Blob {
  const released = releasableModel(run.plan, model) ?? releasableBecause('owner removed the mark', model);
  const files = exportedFiles(released, encoder.shape, {
    baseModel: encoder.report.name,
    baseModelSha256: encoder.report.sha256,
    baseModelLicense: encoder.report.license,
    codeVersion,
    isSynthetic: project.isSynthetic,
    labels: releasableBecause('public', model.labels),
    counts: releasableBecause('public', { trainingRows: subject.split.training.length, trainingUnits: subject.trainingUnits, heldOutUnits: subject.units - subject.trainingUnits }),
    plan: releasableBecause('public', run.plan),
    stepsDone: releasableBecause('public', run.stepsDone),
    statement: releasableBecause('public', results.statement),
    accuracy: results.releasedAccuracy === null ? null : releasableBecause('charged', results.releasedAccuracy),
    energyWh: releasableBecause('public', run.energyWh),
  });
  const zip = exportedZip(folderName(project, run), files);
  return new Blob([new Uint8Array(zip)], { type: 'application/zip' });
}
