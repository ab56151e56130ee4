/**
 * Of the bytes that the quantiser makes of the same checkpoint with the same options. What keeps quantised models (the benchmark
 * of engines) keeps this number with them and makes them anew when it is another one. `test/quantise/version.test.ts` holds it to
 * digests of what is made: other bytes are another version.
 */
export const QUANTISER_VERSION = 1
