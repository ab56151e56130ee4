/** What a package says about its quantised weights, in lines for people. */
import type { Quantization } from './manifest.ts'

const ROUNDED = {
  'round-to-nearest': 'to the nearest',
  gptq: 'together (GPTQ)',
} as const

export function quantizationLines({
  method,
  bits,
  group,
  bitsPerWeight,
  parts,
  measured: { decoder, towers },
  forced,
}: Quantization): string[] {
  const forms = parts.map(({ name, form, tensors, reason }) => {
    if (form === 'none') return `${name} as it was${reason === undefined ? '' : ` (${reason})`}`
    return `${name} ${form === 'rows' ? 'int8 by rows' : `int${bits} in groups of ${group}`} (${tensors} tensors)`
  })
  return [
    ...forms,
    ...(bitsPerWeight === undefined
      ? []
      : [
          `${bitsPerWeight.toFixed(2)} bits a weight that a step reads, rounded ${ROUNDED[method]}`,
        ]),
    ...(decoder
      ? [
          `logits at ${decoder.positions} positions: KL mean ${decoder.klMean.toPrecision(3)}, ` +
            `largest ${decoder.klLargest.toPrecision(3)} nats; likeliest token the same at ${(decoder.top1 * 100).toFixed(1)} %`,
        ]
      : []),
    ...towers.map(
      ({ name, cosineMean, cosineLeast }) =>
        `${name}: cosine mean ${cosineMean.toFixed(5)}, least ${cosineLeast.toFixed(4)}`,
    ),
    ...(forced ?? []).map((what) => `forced, beyond the threshold: ${what}`),
  ]
}
