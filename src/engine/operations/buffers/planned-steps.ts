import type { StepRecorder, StepTrace } from '../../step-trace.ts';
import type { Operations } from '../operations.ts';

/** Work on the operations of any backend that marks in the recorder where its step begins, is sealed and ends. */
export type Rehearsal = <Buffer>(operations: Operations<Buffer>, recorder: StepRecorder) => Promise<void>;

/** Memory laid out for several steps, of which one runs at a time. Nothing of it is taken yet. */
export interface StepLayout {
  readonly sizeBytes: number;
  /** Of the largest single buffer that the device has to give. */
  readonly largestBytes: number;
  /** Takes the memory. That of an earlier layout has to be released before. */
  take(): StepArena;
}

/** Memory that one step after another uses. */
export interface StepArena {
  /** From here on new buffers lie where the layout has them: those of step number `step`, in the order of its trace. */
  begin(step: number): void;
  /** The step has made its buffers: later ones are made one by one, beside the arena. */
  seal(): void;
  /** Every buffer of the step is gone. */
  end(): void;
  release(): void;
}

/** How a backend plans the memory of steps. */
export interface PlannedSteps {
  /** Lets the operations run without computing, and notes the buffers of the step. */
  rehearse(rehearsal: Rehearsal): Promise<StepTrace>;
  layout(traces: readonly StepTrace[]): StepLayout;
  /** Bytes that the backend holds beside the arena: weights, parameters. */
  readonly heldBytes: number;
  /** The most that the device gives in all, and in one buffer. */
  readonly limitBytes: number;
  readonly largestBufferBytes: number;
  /** Buffers that came inside a step and that the layout had no place for: made one by one. None, where steps run as they were rehearsed. */
  readonly unplannedBuffers: number;
}
