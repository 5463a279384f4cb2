/** For tests: a trainer whose kernels are wrong in the places that its worker's name lists, as a driver or a compiler might have them. */
import '../trainer.worker.ts';

// One sign of one kernel's text.
if (self.name.includes('webgpu layerNorm')) {
  const { createShaderModule } = GPUDevice.prototype;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    return createShaderModule.call(this, { ...descriptor, code: descriptor.code.replaceAll('fma((xAt(at + i) - mean) * inverse, gain[i], bias[i])', 'fma((xAt(at + i) - mean) * inverse, gain[i], -bias[i])') });
  };
}

// One export that gives the negative of one number.
if (self.name.includes('wasm meanPool')) {
  const { instantiate } = WebAssembly;
  Object.assign(WebAssembly, {
    async instantiate(bytes: BufferSource, imports: WebAssembly.Imports) {
      const { instance, module } = await instantiate(bytes, imports);
      const [memory, meanRows] = [imports['env']?.['memory'], instance.exports['meanRows']];
      if (!(memory instanceof WebAssembly.Memory) || typeof meanRows !== 'function') return { instance, module };
      const wrong = (rows: number, width: number, x: number, y: number) => {
        meanRows(rows, width, x, y);
        const last = new Float32Array(memory.buffer, y, width).subarray(-1);
        last[0] = -last[0]!;
      };
      return { instance: { exports: { ...instance.exports, meanRows: wrong } }, module };
    },
  });
}

// Wrong for words beyond those that the small checks have: nothing but the model itself can tell.
if (self.name.includes('wasm embed')) {
  const { instantiate } = WebAssembly;
  Object.assign(WebAssembly, {
    async instantiate(bytes: BufferSource, imports: WebAssembly.Imports) {
      const { instance, module } = await instantiate(bytes, imports);
      const [memory, embed] = [imports['env']?.['memory'], instance.exports['embed']];
      if (!(memory instanceof WebAssembly.Memory) || typeof embed !== 'function') return { instance, module };
      const wrong = (...given: readonly number[]) => {
        embed(...given);
        const [tokens, width, ids, y] = [given[0]!, given[1]!, given[2]!, given.at(-1)!];
        for (const [t, id] of new Int32Array(memory.buffer, ids, tokens).entries()) {
          const row = new Float32Array(memory.buffer, y + 4 * t * width, width);
          if (id > 60) row.set(row.map((value) => -value));
        }
      };
      return { instance: { exports: { ...instance.exports, embed: wrong } }, module };
    },
  });
}
