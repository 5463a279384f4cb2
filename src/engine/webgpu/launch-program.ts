import { invariant } from '../../ground/check.ts';
import type { Launch } from './device.ts';
import { halvesFrom, kernelText, workgroupThreads, type ElementType, type Kernel } from './kernel.ts';

/** tfjs keys a compiled kernel by the shapes it relates; one shape for every view leaves one pipeline for each kernel. */
export const viewShape = [1];

/** Words of an element as a kernel's bindings declare it. */
const componentsOf: Readonly<Record<ElementType | 'vec2i', number>> = { f32: 1, i32: 1, vec2i: 2, vec4f: 4, vec4h: 2 };

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): Key[] {
  const keys: Key[] = [];
  for (const key in record) keys.push(key);
  return keys;
}

/** A launch as tfjs takes it: the kernel's text with how its buffers are read, and the values of its uniforms in their order. */
export function launchProgram<Input extends string, Uniform extends string>(kernel: Kernel<Input, Uniform>, { inputs, uniforms, threads, range = { firstThread: 0, endThread: threads } }: Launch<Input, Uniform>) {
  const inputNames = keysOf(kernel.inputs);
  const uniformNames = keysOf(kernel.uniforms);
  const halves = inputNames.filter((name) => kernel.inputs[name] === 'vec4h');
  for (const name of inputNames) invariant((inputs[name].halvesFrom !== undefined) === halves.includes(name), 'a kernel of halves reads halves, and no other does');
  const integer = (value: number) => ({ type: 'int32', data: [value] });
  return {
    program: {
      shaderKey: kernel.key,
      outputShape: viewShape,
      outputComponent: componentsOf[kernel.output],
      variableNames: inputNames,
      variableComponents: inputNames.map((name) => componentsOf[kernel.inputs[name]]),
      uniforms: ['threads : i32', 'firstThread : i32', ...uniformNames.map((name) => `${name} : ${kernel.uniforms[name]}`), ...halves.map((name) => `${halvesFrom(name)} : i32`)].join(', '),
      workgroupSize: [workgroupThreads, 1, 1] satisfies [number, number, number],
      dispatchLayout: { x: [0] },
      dispatch: [Math.ceil((range.endThread - range.firstThread) / workgroupThreads), 1, 1] satisfies [number, number, number],
      getUserCode: () => kernelText(kernel),
    },
    uniformData: [
      // Not `threads`: more workgroups than one dimension takes are launched as a square, and what it has too many of belongs to the next range.
      integer(range.endThread), integer(range.firstThread),
      ...uniformNames.map((name) => (kernel.uniforms[name] === 'i32' ? integer(uniforms[name]) : { type: 'float32', data: [uniforms[name]] })),
      ...halves.map((name) => integer(inputs[name].halvesFrom!)),
    ],
  };
}
