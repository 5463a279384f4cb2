import { type OperationCase, caseValues } from '../operation-case.ts';

const exact = { model: 'nano', tolerance: 0, reason: 'values are only copied' } as const;

export const bufferCases: readonly OperationCase[] = [1, 3, 64, 70_001].flatMap((length): OperationCase[] => [
  {
    ...exact,
    operation: 'upload',
    name: `${length} values come back`,
    run: (_operations, buffers) => void buffers.output(buffers.input(caseValues(length, 1200)), length),
  },
  {
    ...exact,
    operation: 'zeros',
    name: `${length} zeros, from memory that held others`,
    run(operations, buffers) {
      operations.release(operations.upload(caseValues(length, 1201)));
      buffers.output(operations.zeros(length), length);
    },
  },
]);
