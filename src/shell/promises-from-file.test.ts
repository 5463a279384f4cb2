import { describe, expect, it } from 'vitest';
import type { Charge } from '../privacy/composition.ts';
import type { ChargeEvent, CohortEvent } from '../privacy/events.ts';
import { gaussianEpsilon } from '../privacy/gaussian.ts';
import { buildStatement } from '../privacy/statement.ts';
import { nanoPlans } from '../training/testing/nano-session.ts';
import { withPromisesOfOwn } from './promises-from-file.ts';
import type { ProjectFile } from './project-file-format.ts';
import type { ResultsRecord, RunRecord } from './records.ts';

const plan = nanoPlans.fullBatch(48);
const releases: readonly Charge[] = [{ mechanism: { kind: 'gaussian', noiseMultiplier: 8 }, count: 4 }];
const score: Charge = { mechanism: { kind: 'gaussian', noiseMultiplier: 5 }, count: 1 };
const statement = buildStatement({ charges: releases, delta: plan.delta, unit: 'row', samplingRate: 1, noiseMultiplier: 8, steps: 4, clipNorm: plan.clipNorm, validationEpsilon: 1, isSecureNoise: true });
if (!statement.isPrivate) throw new Error('private');
const epsilon = gaussianEpsilon(Math.sqrt(4) / 8, plan.delta);

const cohort = (part: 'training' | 'held-out'): CohortEvent => ({ kind: 'cohort', id: part, cohortId: part, splitId: 's', part, unit: 'row', maximumRowsPerPerson: null, keyId: 'k', isDeclaredDisjoint: false });
const charge = (cohortId: string, index: number, runId: string, { mechanism }: Charge): ChargeEvent => ({ kind: 'charge', id: `${runId} ${cohortId} ${index}`, cohortId, runId, step: index, purpose: 'gradient', mechanism });
const steps = (runId: string, count: number) => Array.from({ length: count }, (_, index) => charge('training', index, runId, releases[0]!));

const run = { id: 'r', number: 2, state: 'finished', plan, stepsDone: 4, steps: 4, epsilonRun: epsilon, points: [] } as unknown as RunRecord;
const record = { runId: 'r', projectId: 'p', results: { run: { id: 'r', epsilonRun: epsilon, plan }, releasedAccuracy: { value: 0.8, low: 0.7, high: 0.9, epsilon: 1 }, statement } } as unknown as ResultsRecord;
const file = (change: Partial<ProjectFile> = {}, events = steps('r', 4)): ProjectFile =>
  ({ project: {}, table: {}, models: [], runs: [run], results: [record], ledger: { cohorts: [cohort('training'), cohort('held-out')].map((event) => ({ event, rows: [], persons: [] })), events, allowance: null }, ...change }) as unknown as ProjectFile;
const code = (name: string) => expect.objectContaining({ code: name }) as Error;
const said = (change: object, results: object = {}): Partial<ProjectFile> => ({ results: [{ ...record, results: { ...record.results, ...results, statement: { ...statement, ...change } } } as ResultsRecord] });

describe('the runs of a project file', () => {
  it('keep what they say where it follows from what the file names', () => {
    const taken = withPromisesOfOwn(file());
    expect(taken).toEqual(file());
    expect(statement.epsilon).toBe(epsilon);
  });

  it('are refused where one of them promises less than its releases, or the charges of the file\'s ledger, come to', () => {
    expect(() => withPromisesOfOwn(file(said({ epsilon: epsilon / 2 })))).toThrow(code('project/promise-too-small'));
    expect(() => withPromisesOfOwn(file(said({ epsilon: epsilon / 2, releases: [{ ...releases[0], count: 1 }] })))).toThrow(code('project/promise-too-small'));
    // Twice as many steps were charged as are told.
    expect(() => withPromisesOfOwn(file({}, steps('r', 8)))).toThrow(code('project/promise-too-small'));
    expect(withPromisesOfOwn(file({}, [...steps('r', 4), ...steps('another run', 8)]))).toMatchObject({ results: [{ results: { statement: { epsilon } } }] });
  });

  it('have the figures beside the statement worked out with it: of the run\'s line, of its results, of the score that may leave', () => {
    const wrong = { epsilonRun: 0.01, epsilonModel: 0.01 };
    const held = [...steps('r', 4), ...[0, 1, 2].map((index) => charge('held-out', index, 'r', score))];
    const taken = withPromisesOfOwn(file({ runs: [{ ...run, ...wrong }], ...said({ validation: null }, { run: { id: 'r', ...wrong }, releasedAccuracy: { value: 0.8, low: 0.7, high: 0.9, epsilon: 0.01 } }) }, held));
    expect(taken.runs[0]!.epsilonRun).toBe(epsilon);
    expect(taken.results[0]!.results.run.epsilonRun).toBe(epsilon);
    const ofScores = gaussianEpsilon(Math.sqrt(3) / 5, plan.delta);
    expect(taken.results[0]!.results).toMatchObject({ releasedAccuracy: { epsilon: expect.closeTo(ofScores, 10) as number }, statement: { validation: { part: 'held-out', epsilon: expect.closeTo(ofScores, 10) as number } } });
  });

  it('that ended without results are charged what the ledger says at least, and have a law of noise that there is', () => {
    const failed = { ...run, state: 'failed', epsilonRun: null } as const;
    expect(withPromisesOfOwn(file({ runs: [failed], results: [] })).runs[0]!.epsilonRun).toBe(epsilon);
    expect(() => withPromisesOfOwn(file({ runs: [{ ...failed, plan: { ...plan, noiseLaw: 'laplace' } } as unknown as RunRecord], results: [] }))).toThrow(code('privacy/noise-law'));
  });

  it('are refused where they say that they protect persons and were charged for rows', () => {
    const ofPersons = { ...run, plan: { ...plan, unit: 'person' } } as const;
    expect(() => withPromisesOfOwn(file({ runs: [ofPersons], ...said({ unit: 'person' }) }))).toThrow(code('project/promise-of-another-unit'));
    expect(() => withPromisesOfOwn(file({ runs: [ofPersons], results: [] }))).toThrow(code('project/promise-of-another-unit'));
    // Charges of others say nothing of it.
    expect(withPromisesOfOwn(file({ runs: [ofPersons], ...said({ unit: 'person' }) }, steps('another run', 4)))).toMatchObject({ results: [{ results: { statement: { unit: 'person' } } }] });
  });

  it('say no epsilon where they promise nothing, and no less than they were charged, whatever their lines say', () => {
    const plain = nanoPlans.plainHead(48);
    const lines = (own: RunRecord['plan'], told: RunRecord['plan'], change: object = {}) => {
      const wrong = { epsilonRun: 0.01, epsilonModel: 0.01, ...change };
      const results = { ...record.results, run: { ...record.results.run, ...wrong, plan: told }, statement: { isPrivate: false } };
      const taken = withPromisesOfOwn(file({ runs: [{ ...run, ...wrong, plan: own }], results: [{ ...record, results } as ResultsRecord] }));
      expect(taken.results[0]!.results.releasedAccuracy).toBeNull();
      return [taken.runs[0]!, taken.results[0]!.results.run];
    };
    for (const line of lines(plain, { ...nanoPlans.plainHead(48), kind: 'label-sentences' } as unknown as RunRecord['plan'])) {
      expect(line.epsilonRun).toBeNull();
      expect(line).not.toHaveProperty('epsilonModel');
      expect(line.plan).toEqual(plain);
    }
    for (const line of lines(plan, plan, { inherited: releases })) {
      expect(line.epsilonRun).toBe(epsilon);
      expect(line.epsilonModel).toBeCloseTo(gaussianEpsilon(Math.sqrt(8) / 8, plan.delta), 10);
    }
  });

  it('are refused where the ledger of the file charges them for something that is no mechanism', () => {
    const broken = [{ ...steps('r', 1)[0]!, mechanism: null } as unknown as ChargeEvent];
    expect(() => withPromisesOfOwn(file({}, broken))).toThrow(code('project/promise-unsound'));
    expect(() => withPromisesOfOwn(file({ results: [] }, broken))).toThrow(code('privacy/mechanism'));
    expect(() => withPromisesOfOwn(file({ runs: [{ ...run, epsilonModel: 1, inherited: 7 } as unknown as RunRecord], results: [] }))).toThrow(code('project/promise-unsound'));
  });

  it('that came back from a federation are held to their own list: the federation went on', () => {
    const pooled = { federation: 'f', coordinator: 'c', taskHash: 'r', version: 1, rounds: 4, ownRounds: 4 };
    const events = [...steps('federation-r', 8), ...steps('r', 8)];
    expect(withPromisesOfOwn(file({ runs: [{ ...run, pooled }] }, events))).toMatchObject({ results: [{ results: { statement: { epsilon } } }] });
    expect(() => withPromisesOfOwn(file({ runs: [{ ...run, pooled }], ...said({ epsilon: epsilon / 2 }) }, events))).toThrow(code('project/promise-too-small'));
  });
});
