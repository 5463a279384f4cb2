import type { BackendName } from '../engine/engine.ts';
import { goldenChecks } from '../engine/golden-batch.ts';
import type { OperationCheck } from '../engine/self-check.ts';

/** What was computed with something else because of it. */
export interface RefusedBackend {
  readonly backend: BackendName;
  /** The kernel that disagreed with plain arithmetic, or the check of the whole model that failed. */
  readonly operation: string;
  /** Of a check of the whole model: 0 the embeddings, L + 1 the head. */
  readonly layer?: number;
}

/** On what a run was begun, and how that was found to be right. Nothing of it depends on a note. */
export interface CheckedDevice {
  readonly backend: BackendName;
  /** Kernels that agreed with plain arithmetic, and checks of the whole model that passed. */
  readonly checksPassed: number;
  /** Whether the base model's golden batch was among them: a model of an older version has none. */
  readonly hasGolden: boolean;
  readonly refused: readonly RefusedBackend[];
}

/** What is known of `backend`, which was chosen after these checks. A backend is refused for the first check that it failed. */
export function checkedDevice(backend: BackendName, checks: readonly OperationCheck[]): CheckedDevice {
  const refused = new Map<BackendName, RefusedBackend>();
  for (const { backend: failing, operation, passed, layer } of checks) {
    if (!passed && failing !== backend && !refused.has(failing)) refused.set(failing, { backend: failing, operation, ...(layer === undefined ? {} : { layer }) });
  }
  const own = checks.filter((check) => check.backend === backend && check.passed);
  return { backend, checksPassed: own.length, hasGolden: own.some(({ operation }) => operation === goldenChecks[0]), refused: [...refused.values()] };
}
