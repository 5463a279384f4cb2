import { forOwnersEyes, type OwnersEyes } from '../../../privacy/doors.ts';
import type { RunSummary } from '../../../shell/bedside.service.ts';
import { promisedEpsilon } from '../../../state/run-chain.ts';

/** The runs as CSV. Scores, times and energy are exact: the page asks before it leaves. */
export function runsTable(runs: readonly RunSummary[]): OwnersEyes<string> {
  const header = ['run', 'state', 'method', 'started', 'seconds', 'steps_done', 'steps', 'accuracy', 'accuracy_low', 'accuracy_high', 'macro_f1', 'epsilon', 'epsilon_model', 'energy_wh', 'energy_wh_low', 'energy_wh_high'];
  const rows = runs.map((run) => [run.number, run.state, run.pooled ? 'pooled' : run.plan.kind, new Date(run.startedAtMs).toISOString(), run.seconds.toFixed(1), run.stepsDone, run.steps, run.accuracy?.value ?? '', run.accuracy?.low ?? '', run.accuracy?.high ?? '', run.macroF1 ?? '', run.epsilonRun ?? '', promisedEpsilon(run) ?? '', ...(run.pooled ? ['', '', ''] : [run.energyWh.central, run.energyWh.low, run.energyWh.high])]);
  return forOwnersEyes(`${[header, ...rows].map((row) => row.join(',')).join('\r\n')}\r\n`);
}
