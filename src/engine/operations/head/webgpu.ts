import type { Kernel } from '../../webgpu/kernel.ts';

/** The linear head, with W [C, D] at offsetWeight and b [C] at offsetBias of theta: pooled · Wᵀ + b, a thread for each row and class: result [B, C]. */
export function headLogits(width: number): Kernel<'pooled' | 'theta', 'classes' | 'offsetWeight' | 'offsetBias'> {
  return {
    key: `head logits ${width}`,
    inputs: { pooled: 'vec4f', theta: 'f32' },
    output: 'f32',
    uniforms: { classes: 'i32', offsetWeight: 'i32', offsetBias: 'i32' },
    body: `let row = (index / uniforms.classes) * ${width / 4};
  let c = index % uniforms.classes;
  var w = uniforms.offsetWeight + c * ${width};
  var sum = vec4f(0.0);
  for (var i = 0; i < ${width / 4}; i++) {
    sum = fma(pooled[row + i], vec4f(theta[w], theta[w + 1], theta[w + 2], theta[w + 3]), sum);
    w += 4;
  }
  result[index] = sum.x + sum.y + sum.z + sum.w + theta[uniforms.offsetBias + c];`,
  };
}

/** WGSL: maximum of this row's logits and the sum of exp(logit - maximum). */
const softmaxOfRow = `let first = row * uniforms.classes;
  var maximum = logits[first];
  for (var c = 1; c < uniforms.classes; c++) { maximum = max(maximum, logits[first + c]); }
  var total = 0.0;
  for (var c = 0; c < uniforms.classes; c++) { total += exp(logits[first + c] - maximum); }`;

/** logsumexp(logits) - logits[label] in nats, a thread for each row: result [B]. Shapes: logits [B, C], labels [B]. */
export const crossEntropy: Kernel<'logits' | 'labels', 'classes'> = {
  key: 'cross entropy',
  inputs: { logits: 'f32', labels: 'i32' },
  output: 'f32',
  uniforms: { classes: 'i32' },
  body: `let row = index;
  ${softmaxOfRow}
  result[row] = maximum - logits[first + labels[row]] + log(total);`,
};

/** softmax(logits) - onehot(label), a thread for each row and class: result [B, C]. */
export const crossEntropyBackward: Kernel<'logits' | 'labels', 'classes'> = {
  key: 'cross entropy backward',
  inputs: { logits: 'f32', labels: 'i32' },
  output: 'f32',
  uniforms: { classes: 'i32' },
  body: `let row = index / uniforms.classes;
  ${softmaxOfRow}
  result[index] = exp(logits[index] - maximum) / total - select(0.0, 1.0, index - first == labels[row]);`,
};

/** dPooled = error · W, a thread for each row and column: result [B, D]. Shapes: error [B, C]. */
export function headBackward(width: number): Kernel<'error' | 'theta', 'classes' | 'offsetWeight'> {
  return {
    key: `head backward ${width}`,
    inputs: { error: 'f32', theta: 'f32' },
    output: 'f32',
    uniforms: { classes: 'i32', offsetWeight: 'i32' },
    body: `let row = (index / ${width}) * uniforms.classes;
  var w = uniforms.offsetWeight + index % ${width};
  var sum = 0.0;
  for (var c = 0; c < uniforms.classes; c++) {
    sum = fma(error[row + c], theta[w], sum);
    w += ${width};
  }
  result[index] = sum;`,
  };
}

/** dW[b] = error pooledᵀ and db[b] = error, a thread for each row, class and column, into result [B, P]. */
export function headGradients(width: number): Kernel<'error' | 'pooled', 'classes' | 'offsetWeight' | 'offsetBias' | 'parameters'> {
  return {
    key: `head gradients ${width}`,
    inputs: { error: 'f32', pooled: 'f32' },
    output: 'f32',
    uniforms: { classes: 'i32', offsetWeight: 'i32', offsetBias: 'i32', parameters: 'i32' },
    body: `let d = index % ${width};
  let rowAndClass = index / ${width};
  let row = rowAndClass / uniforms.classes;
  let c = rowAndClass % uniforms.classes;
  let e = error[rowAndClass];
  let start = row * uniforms.parameters;
  result[start + uniforms.offsetWeight + c * ${width} + d] = e * pooled[row * ${width} + d];
  if (d == 0) { result[start + uniforms.offsetBias + c] = e; }`,
  };
}
