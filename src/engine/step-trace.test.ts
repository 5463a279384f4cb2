import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { peakSize, placeInRange, placeInSlots, StepRecorder, type StepTrace } from './step-trace.ts';

/** A step that makes buffers and drops some earlier one after each. */
const steps = fc.array(fc.record({ size: fc.integer({ min: 1, max: 1000 }), kind: fc.constantFrom('float32', 'int32'), victim: fc.option(fc.nat(), { nil: null }) }), { maxLength: 60 }).map((actions) => {
  const recorder = new StepRecorder();
  recorder.begin();
  const live: number[] = [];
  for (const { size, kind, victim } of actions) {
    live.push(recorder.make(size, kind));
    if (victim !== null) recorder.drop(live.splice(victim % live.length, 1)[0]!);
  }
  return recorder.trace();
});

/** Pairs of buffers that live at the same time, by walking through the step. */
function livingTogether({ buffers }: StepTrace): [number, number][] {
  return buffers.flatMap((a, i) => buffers.flatMap((b, j): [number, number][] => (i < j && Math.max(a.madeAt, b.madeAt) < Math.min(a.droppedAt, b.droppedAt) ? [[i, j]] : [])));
}

describe('a recorded step', () => {
  it('keeps the order of making, the lives, what is read, the largest scratch and what is held beside it', () => {
    const recorder = new StepRecorder();
    recorder.drop(recorder.make(1));
    recorder.make(2);
    recorder.begin();
    const first = recorder.make(10);
    const second = recorder.make(20, 'int32');
    recorder.drop(first);
    recorder.needScratch(7);
    recorder.needScratch(5);
    recorder.read(second);
    const third = recorder.make(30);
    recorder.leaveReading();
    recorder.read(third);
    recorder.seal();
    recorder.make(3);
    recorder.end();
    recorder.make(4);
    expect(recorder.trace()).toEqual({
      buffers: [
        { size: 10, kind: '', madeAt: 0, droppedAt: 2, reading: 'none' },
        { size: 20, kind: 'int32', madeAt: 1, droppedAt: 4, reading: 'awaited' },
        { size: 30, kind: '', madeAt: 3, droppedAt: 4, reading: 'left' },
      ],
      scratchSize: 7,
      heldSizes: [2, 3],
    });
    expect(peakSize(recorder.trace())).toBe(50);
  });
});

describe('a range of addresses', () => {
  it('never holds two living buffers in one place, and is not larger than its last buffer’s end', () => {
    fc.assert(
      fc.property(steps, (trace) => {
        const { offsets, size } = placeInRange(trace);
        const end = (i: number) => offsets[i]! + trace.buffers[i]!.size;
        for (const [i, j] of livingTogether(trace)) expect(end(i) <= offsets[j]! || end(j) <= offsets[i]!).toBe(true);
        expect(size).toBe(trace.buffers.reduce((last, _, i) => Math.max(last, end(i)), 0));
        expect(size).toBeGreaterThanOrEqual(peakSize(trace));
      }),
    );
  });

  it('is as large as the peak where buffers nest as a forward and a backward pass do', () => {
    const recorder = new StepRecorder();
    recorder.begin();
    const kept: number[] = [];
    for (let layer = 0; layer < 6; layer++) {
      const dropped = recorder.make(100);
      kept.push(recorder.make(40));
      recorder.drop(dropped);
    }
    for (const number of kept.reverse()) {
      const gradient = recorder.make(100);
      recorder.drop(gradient);
      recorder.drop(number);
    }
    expect(placeInRange(recorder.trace()).size).toBe(340);
    expect(peakSize(recorder.trace())).toBe(340);
  });
});

describe('slots', () => {
  it('hold one living buffer of their kind at a time, large enough for it, whichever step runs', () => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 1, maxLength: 3 }), (traces) => {
        const { slots, places } = placeInSlots(traces);
        for (const [step, trace] of traces.entries()) {
          for (const [number, { size, kind }] of trace.buffers.entries()) {
            expect(slots[places[step]![number]!]!.size).toBeGreaterThanOrEqual(size);
            expect(slots[places[step]![number]!]!.kind).toBe(kind);
          }
          for (const [i, j] of livingTogether(trace)) expect(places[step]![i]).not.toBe(places[step]![j]);
        }
      }),
    );
  });

  it('serve two steps that never run at once with the room of the larger', () => {
    const recorder = new StepRecorder();
    recorder.begin();
    recorder.make(100);
    recorder.make(50);
    expect(placeInSlots([recorder.trace(), recorder.trace()]).slots).toEqual([{ size: 100, kind: '' }, { size: 50, kind: '' }]);
  });
});
