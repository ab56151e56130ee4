/** When a quantised model is too far from what it was. docs/quantise.md says where the numbers come from. */
import type { LogitAgreement } from './agreement.ts'
import type { TowerAgreement } from './measure.ts'

export const THRESHOLDS = {
  /** Nats a position. */
  klMean: 0.1,
  top1: 0.85,
  /** Of every tower, and of what the projector makes of them. */
  cosineMean: 0.999,
  cosineLeast: 0.98,
} as const

export type Thresholds = { readonly [Key in keyof typeof THRESHOLDS]: number }

export function isFaithful(
  { cosineMean, cosineLeast }: TowerAgreement,
  limits: Thresholds,
): boolean {
  return cosineMean >= limits.cosineMean && cosineLeast >= limits.cosineLeast
}

/** What is worse than the limits, in words; empty when nothing is. */
export function tooFar(logits: LogitAgreement | undefined, limits: Thresholds): string[] {
  if (!logits) return []
  const { klMean, top1 } = logits
  const found: string[] = []
  // Not >: a NaN must not pass.
  if (!(klMean <= limits.klMean))
    found.push(`logits: KL ${klMean.toPrecision(3)} nats a position, at most ${limits.klMean}`)
  if (!(top1 >= limits.top1))
    found.push(`likeliest token the same at ${percent(top1)}, at least ${percent(limits.top1)}`)
  return found
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
