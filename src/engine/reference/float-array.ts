/** The reference runs in float32 as the backends do, and in float64 where tests take finite differences. */
export type FloatArray = Float32Array | Float64Array;
