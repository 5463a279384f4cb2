import { afterEach, describe, expect, it } from 'vitest';
import { page } from 'vitest/browser';
import type { BedsideService } from '../shell/bedside.service.ts';
import { mountApp, type MountOptions } from './testing/mount-app.ts';

let close: (() => Promise<void>) | null = null;
afterEach(async () => {
  await close?.();
  close = null;
});

/** The Train page over a service that answers as `change` says. */
async function train(options: MountOptions, change: (service: BedsideService) => void): Promise<void> {
  await page.viewport(1280, 900);
  const { service, close: closeApp } = mountApp({ ...options, page: 'train', delayMs: 20 });
  close = closeApp;
  change(service);
}

const button = (name: string) => page.getByRole('button', { name, exact: true });

describe('where nothing is free', () => {
  it('no smaller run is advised, and other people come before a higher limit', async () => {
    await train({ scene: 'mixed-units' }, (service) => {
      const { forecast, budget } = service;
      service.forecast = async (...given) => ({ ...(await forecast(...given)), epsilonAfter: 4.1, fitsBudget: false });
      service.budget = async (...given) => ({ ...(await budget(...given)), epsilonSpent: 4 });
      service.declareDisjoint = service.budget;
    });
    const box = page.getByRole('alert');
    await expect.element(box).toHaveTextContent(/Nothing is free under your limit of 4.00/);
    await expect.element(box).not.toHaveTextContent(/smaller ε/);
    expect(box.getByRole('button').elements().map((one) => one.textContent)).toEqual(['These are other people', 'Raise the limit']);
    await box.getByRole('button', { name: 'These are other people' }).click();
    await button('No one is in both').click();
    await expect.element(page.getByText('Declared, but it changes nothing')).toBeVisible();
  });

  it('the budget is named as what is short, in one box', async () => {
    await train({ scene: 'mixed-units' }, (service) => {
      const propose = service.proposePlan;
      service.proposePlan = async (...given) => {
        const proposal = await propose(...given);
        return { ...proposal, plan: proposal.alternatives['label-sentences'], isTooFewRows: true, isBudgetShort: true, reasons: [{ code: 'too-little-budget', values: {} }] };
      };
    });
    await expect.element(page.getByText('There is too little privacy budget left for a private model to learn from')).toBeVisible();
    await expect.element(page.getByText(/too few notes/)).not.toBeInTheDocument();
    await expect.element(button('These are other people')).toBeVisible();
    expect(document.querySelectorAll('.call.warn')).toHaveLength(1);
  });
});

describe('notes that another data set holds too', () => {
  const elsewhere = [{ projectName: 'ward-2024', notes: 2, persons: 0, isAll: false, rows: [151, 291], isNamedOtherwise: true, clipNorms: 16 }, { projectName: null, notes: 1, persons: 3, isAll: false, rows: [12], isNamedOtherwise: false, clipNorms: 1 }];
  const withNotes = (epsilonSpent: number) => (service: BedsideService) => {
    const { forecast, budget } = service;
    service.forecast = async (...given) => ({ ...(await forecast(...given)), epsilonAfter: Math.max(1, epsilonSpent), fitsBudget: epsilonSpent < 4 });
    service.budget = async (...given) => ({ ...(await budget(...given)), epsilonSpent, hasUndeclared: false, elsewhere });
  };
  const cause = /2 notes \(rows 151 and 291\) of this file are in “ward-2024” too, so what is spent on either counts for both. Their person ids differ there, so someone here may be several people there, .* up to 16 times smaller. .* open the file again without those notes: then you can say so/;

  it('are named as the cause where nothing fits, with what helps, once', async () => {
    await train({ scene: 'fresh' }, withNotes(126.91));
    const box = page.getByRole('alert');
    await expect.element(box).toHaveTextContent(/Nothing is free under your limit of 4.00/);
    await expect.element(box).toHaveTextContent(cause);
    await expect.element(box).toHaveTextContent(/1 note \(row 12\) and 3 people of this file are in another dataset of this device too, .* give them ids of their own, leave the shared notes out, and open the file again/);
    expect(document.body.textContent.split('ward-2024')).toHaveLength(2);
  });

  it('are named beside the gauge where the plan fits', async () => {
    await train({ scene: 'fresh' }, withNotes(0.5));
    await expect.element(page.getByRole('region', { name: /Privacy budget/ })).toHaveTextContent(cause);
    await expect.element(page.getByRole('alert')).not.toBeInTheDocument();
  });

  it('are named where the label sentences are proposed for want of budget', async () => {
    await train({ scene: 'fresh' }, (service) => {
      withNotes(126.91)(service);
      const propose = service.proposePlan;
      service.proposePlan = async (...given) => {
        const proposal = await propose(...given);
        return { ...proposal, plan: proposal.alternatives['label-sentences'], isBudgetShort: true };
      };
    });
    await expect.element(page.getByText('There is too little privacy budget left for a private model to learn from')).toBeVisible();
    await expect.element(page.getByText(cause)).toBeVisible();
  });
});

describe('what is said beforehand', () => {
  it('no score is promised that the held-out part cannot pay', async () => {
    await train({ scene: 'done' }, (service) => {
      const { forecast } = service;
      service.forecast = async (...given) => ({ ...(await forecast(...given)), scoreFits: false });
    });
    await expect.element(page.getByText('none: the held-out part has no budget left')).toBeVisible();
    await expect.element(page.getByText(/One score/)).not.toBeInTheDocument();
  });

  it('a copy stops at what it brought along', async () => {
    await train({ scene: 'copy' }, () => undefined);
    // 1.62 are spent, and 0.60 are left of what it brought.
    await expect.element(page.getByText('2.22 hard stop')).toBeVisible();
    await expect.element(page.getByRole('contentinfo')).toHaveTextContent(/of 2.22/);
  });
});

describe('a run that was cut off', () => {
  const withCost = (resumeEpsilon: number) => (service: BedsideService) => {
    const { openProject } = service;
    service.openProject = async (id) => {
      const project = await openProject(id);
      return { ...project, runs: project.runs.map((run) => (run.state === 'interrupted' ? { ...run, resumeEpsilon } : run)) };
    };
  };

  it('names a price where a step is charged again', async () => {
    await train({ scene: 'interrupted' }, withCost(0.06));
    await expect.element(page.getByText('That adds ε 0.06.')).toBeVisible();
    await expect.element(page.getByText(/All runs so far/)).toBeVisible();
  });

  it('names none where nothing is', async () => {
    await train({ scene: 'interrupted' }, withCost(0));
    await expect.element(page.getByText(/Nothing is charged twice/)).toBeVisible();
    await expect.element(page.getByText(/That adds/)).not.toBeInTheDocument();
  });
});
