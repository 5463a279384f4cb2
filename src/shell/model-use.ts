/** What is done with the model of an ended run: labelling notes, and the zip that leaves. Loaded when it is first asked for. */
import type { Releasable } from '../privacy/doors.ts';
import { classifyTable, classifyText, type Classifier } from './classify.ts';
import type { LabelledFile, Prediction, Progress } from './bedside.service.ts';
import type { BedsideDatabase } from './database.ts';
import type { EncoderFacts } from './encoder.ts';
import { exportedModel } from './exported-model.ts';
import { otherEncoder } from './model-errors.ts';
import { readProject } from './projects.ts';
import { readModel, readResults, readRun } from './runs.ts';
import type { TrainingCrew } from './training-crew.ts';

export interface ModelUseParts {
  readonly database: BedsideDatabase;
  readonly crew: TrainingCrew;
  readonly loadedEncoder: () => Promise<EncoderFacts>;
}

async function classifier({ database, crew, loadedEncoder }: ModelUseParts, runId: string): Promise<Classifier> {
  const [{ model, encoderSha256 }, encoder] = await Promise.all([readModel(database, runId), loadedEncoder()]);
  if (encoderSha256 !== encoder.report.sha256) throw otherEncoder();
  return { model, tokenizer: encoder.tokenizer, crew };
}

export async function classifyNote(parts: ModelUseParts, runId: string, text: string): Promise<Prediction> {
  const [model, { temperature }] = await Promise.all([classifier(parts, runId), readResults(parts.database, runId)]);
  return classifyText(model, temperature, text);
}

export async function classifyNotes(parts: ModelUseParts, id: string, runId: string, file: File, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<LabelledFile> {
  const [model, project] = await Promise.all([classifier(parts, runId), readProject(parts.database, id)]);
  const trainedName = Object.entries(project.columnRoles).find(([, role]) => role === 'text')?.[0] ?? null;
  return classifyTable(model, file, trainedName, signal, onProgress);
}

export async function exportRunModel({ database, loadedEncoder }: ModelUseParts, id: string, runId: string): Promise<Releasable<Blob>> {
  const [project, run, { model, encoderSha256 }, results, encoder] = await Promise.all([readProject(database, id), readRun(database, runId), readModel(database, runId), readResults(database, runId), loadedEncoder()]);
  if (encoderSha256 !== encoder.report.sha256) throw otherEncoder();
  return exportedModel(project, run, model, results, encoder);
}
