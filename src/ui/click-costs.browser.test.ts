import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import type { Purpose } from '../privacy/events.ts';
import type { BedsideService, PlanProposal } from '../shell/bedside.service.ts';
import type { FederationService } from '../shell/federation.service.ts';
import type { FullBatchHeadPlan, Plan } from '../training/plan.ts';
import { fakeBalance, fakePlan } from './testing/fake-plans.ts';
import type { FakeService } from './testing/fake-service.ts';
import { mountApp, type MountOptions } from './testing/mount-app.ts';
import { en } from './words/en.ts';

type Call = Exclude<keyof BedsideService, 'federation'> | keyof FederationService;
type ClickName = 'a private run' | 'a run that helps rare labels' | 'a search among settings' | 'the same plan again' | 'training on' | 'resuming a run' | 'a score afterwards' | 'a share for a copy' | 'rounds of a federation' | 'an attack';

/** What the page asks its service: free of any charge to the ledger, or the clicks that it stands behind. A new call asks for its place here by the compiler. */
const calls: Readonly<Record<Call, 'free' | readonly ClickName[]>> = {
  startRun: ['a private run', 'a run that helps rare labels', 'a search among settings', 'the same plan again', 'training on'], resumeRun: ['resuming a run'], chargeScore: ['a score afterwards'], exportProject: ['a share for a copy'], join: ['rounds of a federation'],
  // Costs nothing, and says so.
  audit: ['an attack'],
  // What a file says was spent had been spent before; where it would leave others next to nothing, its opening is asked for anew.
  importProject: 'free',
  device: 'free', selfCheck: 'free', chooseBackend: 'free', leaveRoom: 'free', model: 'free', loadModel: 'free', energy: 'free', setEnergy: 'free', measureSpeed: 'free', speed: 'free', listProjects: 'free', openProject: 'free', renameProject: 'free', duplicateProject: 'free', deleteProject: 'free',
  shareable: 'free', readFile: 'free', openSample: 'free', preview: 'free', setColumns: 'free', setSentences: 'free', setAsideRows: 'free', proposePlan: 'free', forecast: 'free', budget: 'free', setBudget: 'free', declareDisjoint: 'free', results: 'free', prices: 'free', trainOn: 'free',
  auditForecast: 'free', pauseAudit: 'free', classify: 'free', classifyFile: 'free', exportModel: 'free', ledger: 'free', eraseLedger: 'free', storage: 'free', clearCaches: 'free', clearFeatures: 'free', silence: 'free', trySending: 'free',
  offer: 'free', fit: 'free', openDealtNotes: 'free', leave: 'free', destroyKey: 'free', watch: 'free', receive: 'free', sent: 'free', projector: 'free',
};

/** Everything that a charge may be for, and the clicks that bring it. */
const purposes: Readonly<Record<Purpose, readonly ClickName[]>> = {
  'feature-mean': ['a private run', 'a search among settings'], 'label-counts': ['a run that helps rare labels'], gradient: ['a private run', 'training on', 'resuming a run', 'rounds of a federation'],
  'charged-validation': ['a private run', 'a score afterwards'], search: ['a search among settings'], 'search-score': ['a search among settings'],
};

interface Step {
  readonly reach?: (service: FakeService) => Promise<void>;
  /** What the page then says, made from the service's own offers. */
  readonly says: (service: FakeService) => Promise<readonly string[]>;
}

interface Click {
  readonly open: MountOptions;
  readonly prepare?: (service: FakeService) => void;
  readonly steps: readonly Step[];
  readonly button: string;
  readonly call: (service: FakeService) => { readonly of: object; readonly name: Call };
}

const id = 'project-1';
const press = (name: string | RegExp) => page.getByRole('button', { name }).first().click();
const ofService = (name: Exclude<keyof BedsideService, 'federation'>) => (service: FakeService) => ({ of: service, name });
const proposing = (change: (plan: FullBatchHeadPlan) => Plan) => (service: FakeService) => {
  const { proposePlan } = service;
  service.proposePlan = async (...asked): Promise<PlanProposal> => {
    const proposal = await proposePlan(...asked);
    return { ...proposal, plan: change({ ...fakePlan, unit: proposal.plan.unit }) };
  };
};

/** Epsilon of the run, of all runs with it, and what the held-out part pays, as the plan's forecast has them. */
async function priceOf(service: FakeService, plan: Plan): Promise<readonly string[]> {
  const { cost, plan: words } = en.train;
  const { epsilonRun, epsilonTrainingAfter, epsilonHeldOutAfter } = await service.forecast(id, plan);
  const { value, range } = cost.privacyValue(epsilonRun!, epsilonTrainingAfter!);
  const score = 'validationEpsilon' in plan && plan.validationEpsilon !== null ? [words.facts.scoreOn(plan.validationEpsilon)] : [];
  return [value, range, ...score, ...(epsilonHeldOutAfter ? [cost.heldOutAfter(epsilonHeldOutAfter)] : [])];
}

const ofProposal: Step = { says: async (service) => priceOf(service, (await service.proposePlan(id, () => undefined)).plan) };
const onRun3 = async () => page.getByRole('combobox').first().selectOptions('run-3');
const { further } = en.results;

const clicks: Readonly<Record<ClickName, Click>> = {
  'a private run': { open: { scene: 'chain', page: 'train' }, steps: [ofProposal], button: en.train.start, call: ofService('startRun') },
  'a run that helps rare labels': { open: { scene: 'fresh', page: 'train' }, prepare: proposing((plan) => ({ ...plan, balance: fakeBalance })), steps: [{ says: async (service) => [en.train.plan.balanced, ...(await ofProposal.says(service))] }], button: en.train.start, call: ofService('startRun') },
  'a search among settings': { open: { scene: 'fresh', page: 'train' }, prepare: proposing((plan) => ({ ...plan, validationEpsilon: null, search: { meanRuns: 5, scoreEpsilon: 2 } })), steps: [ofProposal], button: en.train.start, call: ofService('startRun') },
  'the same plan again': {
    open: { scene: 'done', page: 'results' },
    steps: [
      { reach: onRun3, says: async (service) => { const { again } = (await service.prices(id, 'run-3'))!; return [further.againCost(again.epsilonBefore, again.epsilonAfter, again.epsilonLimit), further.heldOutCost(again.heldOut!.epsilonBefore, again.heldOut!.epsilonAfter, again.epsilonLimit)]; } },
      { reach: () => press(further.again), says: async (service) => priceOf(service, (await service.openProject(id)).runs.find((run) => run.id === 'run-3')!.plan) },
    ],
    button: en.train.start, call: ofService('startRun'),
  },
  'training on': {
    open: { scene: 'done', page: 'results' },
    steps: [
      { reach: onRun3, says: async (service) => { const { price } = (await service.trainOn(id, 'run-3')).offer!; return [further.onCost(price!.epsilonBefore, price!.epsilonAfter, price!.epsilonLimit, price!.epsilonModel), further.onNoScore]; } },
      { reach: () => press(further.onSteps(10)), says: async (service) => priceOf(service, (await service.trainOn(id, 'run-3')).offer!.plan) },
    ],
    button: en.train.start, call: ofService('startRun'),
  },
  'resuming a run': {
    open: { scene: 'interrupted', page: 'train' },
    prepare: (service) => {
      const { openProject } = service;
      service.openProject = async (asked) => { const project = await openProject(asked); return { ...project, runs: project.runs.map((run) => (run.state === 'interrupted' ? { ...run, resumeEpsilon: 0.07 } : run)) }; };
    },
    steps: [{ says: async (service) => [en.train.interrupted.again, en.train.interrupted.costBy((await service.openProject(id)).runs.find(({ state }) => state === 'interrupted')!.resumeEpsilon!)] }],
    button: en.train.interrupted.resume, call: ofService('resumeRun'),
  },
  'a score afterwards': {
    open: { scene: 'done', page: 'results' },
    prepare: (service) => {
      const { prices, results } = service;
      service.prices = async (...asked) => { const found = await prices(...asked); return found && { ...found, score: { epsilon: 1, epsilonBefore: 0.4, epsilonAfter: 1.2, epsilonLimit: 4, fits: true } }; };
      service.results = async (...asked) => ({ ...(await results(...asked)), releasedAccuracy: null });
    },
    steps: [{ reach: onRun3, says: async (service) => { const { score } = (await service.prices(id, 'run-3'))!; return [further.scoreCost(score!.epsilon, score!.epsilonBefore, score!.epsilonAfter, score!.epsilonLimit)]; } }],
    button: further.score, call: ofService('chargeScore'),
  },
  'a share for a copy': {
    open: { scene: 'done', page: 'start' },
    steps: [
      { reach: async () => { await press(en.frame.project.actions('clinic-letters-2025')); await press(en.frame.project.save); }, says: () => Promise.resolve([en.frame.project.share.question, en.frame.project.share.noneHint]) },
      { reach: () => page.getByRole('radio', { name: en.frame.project.share.half }).click(), says: async (service) => { const { epsilon, delta } = await service.shareable(); return [en.frame.project.share.after(epsilon / 2, delta), en.frame.project.share.once]; } },
    ],
    button: en.frame.project.save, call: ofService('exportProject'),
  },
  'rounds of a federation': {
    open: { page: 'federation' },
    prepare: () => { location.hash = '#/federation/seat-mine'; },
    steps: [{
      reach: async () => { await expect.element(page.getByText(/They fit/)).toBeVisible(); for (const box of page.getByRole('checkbox').all()) await box.click(); },
      says: async (service) => {
        const { figures, task } = await service.federation.offer();
        const { numbers } = en.federation;
        return [`${en.format.epsilon(figures.epsilonPerRound)} ${numbers.epsilonRound}`, `${en.format.epsilon(figures.epsilonTotal)} ${numbers.epsilonTotal(task.rounds)}`, en.federation.consent.limitHint(task.rounds)];
      },
    }],
    button: en.federation.consent.join, call: ({ federation }) => ({ of: federation, name: 'join' }),
  },
  'an attack': { open: { scene: 'done', page: 'lab' }, steps: [{ says: () => Promise.resolve([en.lab.how.cost]) }], button: en.lab.start, call: ofService('audit') },
};

/** What can be seen, in one line: a figure may stand over its words. */
const seen = () => document.body.innerText.replaceAll(/\s+/g, ' ');

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

describe('a click that costs', () => {
  it.each(Object.entries(clicks))('%s: what it costs is said before it, and nothing is begun until then', async (_, { open, prepare, steps, button, call }) => {
    await page.viewport(1280, 900);
    const { service, close: closeApp } = mountApp(open);
    close = closeApp;
    prepare?.(service);
    const { of, name } = call(service);
    let begun = 0;
    const real: unknown = Reflect.get(of, name);
    if (typeof real !== 'function') throw new Error(name);
    Reflect.set(of, name, (...given: readonly unknown[]) => (begun++, Reflect.apply(real, of, given) as unknown));
    for (const { reach, says } of steps) {
      await reach?.(service);
      for (const text of await says(service)) await expect.poll(seen).toContain(text.replaceAll(/\s+/g, ' '));
    }
    expect(begun).toBe(0);
    const dialog = page.getByRole('dialog');
    const scope = dialog.query() === null ? page : dialog;
    const pressed = scope.getByRole('button', { name: button }).last();
    await expect.element(pressed).not.toHaveAttribute('aria-disabled', 'true');
    await pressed.click();
    await expect.poll(() => begun).toBe(1);
  });

  it('is on the list by each call that it stands behind, and by each purpose of a charge', () => {
    const named = new Set([...Object.values(calls), ...Object.values(purposes)].flatMap((names) => (names === 'free' ? [] : names)));
    expect([...named].sort()).toEqual(Object.keys(clicks).sort());
    const service = mountApp({ scene: 'empty' });
    close = service.close;
    for (const [name, { call }] of Object.entries(clicks)) expect(calls[call(service.service).name], name).toContain(name);
  });
});
