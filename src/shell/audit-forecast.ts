import { parameterLayout } from '../engine/parameters.ts';
import { adapterAuditParts, adapterAuditSize } from '../training/audit/adapter-size.ts';
import { auditSize } from '../training/audit/audit-run.ts';
import type { AuditedPlans } from '../training/audit/audited-plans.ts';
import type { BertShape } from '../engine/model/weights.ts';
import type { AuditForecast } from './bedside.service.ts';
import { forecastTraining, type Speed, type Workload } from './speed.ts';

/** How long an audit will take, and what it will train: the forecasts of its trainings, one after the other. */
export function auditForecast(plans: AuditedPlans, trainingUnits: number, workload: Workload, shape: BertShape, speed: Speed): AuditForecast {
  const rowsAUnit = workload.trainingRows / Math.max(1, trainingUnits);
  if (plans.kind === 'head') {
    const size = auditSize(trainingUnits, workload.classes);
    const rows = size.units * rowsAUnit;
    // Read once by all trainers; heads are then trained on the guard's own thread.
    const reading = workload.isRead ? 0 : (rows * workload.meanTokens) / speed.tokensPerSecond;
    const train = (plan: typeof plans.plan | typeof plans.twin, trainingRows: number, times: number) => ({ seconds: forecastTraining(plan, { ...workload, trainingRows, heldOutRows: 0, isRead: true }, { ...speed, workers: 1 }), times });
    const parts = [plans.plan, plans.twin].flatMap((plan) => [train(plan, rows / 2, 2 * size.pairs), train(plan, rows, size.canaryRuns + 1)]);
    return { units: size.units, allUnits: trainingUnits, models: 2 * (2 * size.pairs + size.canaryRuns + 1), seconds: added([{ seconds: { low: 0.5 * reading, central: reading, high: 3 * reading }, times: 1 }, ...parts]) };
  }
  const counts = { units: trainingUnits, rows: workload.trainingRows, meanTokens: workload.meanTokens, parameters: parameterLayout(shape, { classes: workload.classes, lora: plans.plan.lora }).length };
  const size = adapterAuditSize(plans.plan, plans.twin, counts);
  const parts = adapterAuditParts(plans.plan, plans.twin, counts, size).map(({ plan, rows, meanTokens, times }) => ({ seconds: forecastTraining(plan, { ...workload, trainingRows: Math.round(rows), heldOutRows: 0, meanTokens }, speed), times }));
  return { units: size.units, allUnits: trainingUnits, models: parts.reduce((sum, { times }) => sum + times, 0), seconds: added(parts) };
}

type Seconds = AuditForecast['seconds'];

function added(parts: readonly { readonly seconds: Seconds; readonly times: number }[]): Seconds {
  const sum = (which: keyof Seconds) => parts.reduce((total, { seconds, times }) => total + times * seconds[which], 0);
  return { low: sum('low'), central: sum('central'), high: sum('high') };
}
