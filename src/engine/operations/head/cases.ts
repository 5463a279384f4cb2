import { type CaseModel, type OperationCase, caseShape, caseValues } from '../operation-case.ts';

interface HeadSetting {
  readonly name: string;
  readonly model: CaseModel;
  readonly rows: number;
  readonly classes: number;
  /** Deviation of the head's weights; logits grow with it. */
  readonly deviation: number;
  readonly tolerance: number;
  readonly reason: string;
}

const plain = { deviation: 0.2, tolerance: 1e-5, reason: 'float32 sums of up to 384 products and one softmax: a few times sqrt(384) x 6e-8' };

const settings: readonly HeadSetting[] = [
  { ...plain, name: 'one row, two classes', model: 'nano', rows: 1, classes: 2 },
  { ...plain, name: '5 rows, 3 classes', model: 'odd', rows: 5, classes: 3 },
  { ...plain, name: '70 rows, 4 classes', model: 'nano', rows: 70, classes: 4 },
  { ...plain, name: 'MiniLM width, 77 classes', model: 'miniLm', rows: 9, classes: 77 },
  { ...plain, name: '300 classes', model: 'odd', rows: 3, classes: 300 },
  {
    name: 'logits of several hundred', model: 'nano', rows: 6, classes: 4, deviation: 60,
    tolerance: 5e-4, reason: 'logits near 500 carry 500 x 6e-8 x a few, which exp turns into a relative error of some 1e-4',
  },
];

/** The head inside a theta with other values around it, at offsets that no vector width divides. */
function place({ model, classes }: HeadSetting): { offsetWeight: number; offsetBias: number; parameters: number } {
  const offsetWeight = 3;
  const offsetBias = offsetWeight + classes * caseShape(model).width;
  return { offsetWeight, offsetBias, parameters: offsetBias + classes + 2 };
}

export const headLogitsCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'headLogits',
  name: setting.name,
  model: setting.model,
  tolerance: plain.tolerance,
  reason: plain.reason,
  run(operations, buffers) {
    const { rows, classes, model, deviation } = setting;
    const { offsetWeight, offsetBias, parameters } = place(setting);
    const pooled = buffers.input(caseValues(rows * caseShape(model).width, 1100 + seed));
    const theta = buffers.input(caseValues(parameters, 1110 + seed, deviation));
    buffers.output(operations.headLogits(pooled, theta, offsetWeight, offsetBias, classes, rows), rows * classes);
  },
}));

export const headBackwardCases: readonly OperationCase[] = settings.map((setting, seed) => ({
  operation: 'headBackward',
  name: setting.name,
  model: setting.model,
  tolerance: setting.tolerance,
  reason: setting.reason,
  run(operations, buffers) {
    const { rows, classes, model, deviation } = setting;
    const { width } = caseShape(model);
    const { offsetWeight, offsetBias, parameters } = place(setting);
    const pooled = buffers.input(caseValues(rows * width, 1100 + seed));
    const theta = buffers.input(caseValues(parameters, 1110 + seed, deviation));
    const labels = Int32Array.from({ length: rows }, (_, row) => (row * 5 + classes - 1) % classes);
    // What the adapters wrote must stay.
    const gradients = buffers.input(caseValues(rows * parameters, 1120 + seed));
    const logits = buffers.output(operations.headLogits(pooled, theta, offsetWeight, offsetBias, classes, rows), rows * classes);
    const { losses, dPooled } = operations.headBackward(pooled, logits, labels, theta, offsetWeight, offsetBias, classes, gradients, parameters, rows);
    buffers.output(losses, rows);
    buffers.output(dPooled, rows * width);
    buffers.output(gradients, rows * parameters);
  },
}));
