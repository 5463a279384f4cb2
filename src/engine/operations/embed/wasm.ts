// The sum of the three embeddings; the layer norm above it is that of the encoder. D is a multiple of 4.

/** Four int8 values as floats. */
// @ts-ignore: asc takes decorators of functions, which TypeScript has none of
@inline
function fourFloats(bytes: usize): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(bytes))));
}

/**
 * y = word[id] + position[0, 1, ...] + tokenType for the M tokens of one row. Shapes: ids [M], tables int8 [., D] with
 * one scale per row, y [M, D]; `tokenType` and its scale are one row.
 */
export function embed(
  M: i32, D: i32, ids: usize, words: usize, wordScales: usize, positions: usize, positionScales: usize,
  tokenType: usize, tokenTypeScale: usize, y: usize,
): void {
  const typeScale = v128.load32_splat(tokenTypeScale);
  for (let m = 0; m < M; m++) {
    const id: usize = load<u32>(ids + m * 4);
    const word = words + id * D;
    const position = positions + m * D;
    const wordScale = v128.load32_splat(wordScales + id * 4);
    const positionScale = v128.load32_splat(positionScales + m * 4);
    for (let k = 0; k < D; k += 4) {
      const sum = f32x4.add(f32x4.mul(fourFloats(word + k), wordScale), f32x4.mul(fourFloats(position + k), positionScale));
      v128.store(y, f32x4.add(sum, f32x4.mul(fourFloats(tokenType + k), typeScale)));
      y += 16;
    }
  }
}
