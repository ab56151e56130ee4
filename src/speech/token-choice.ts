/**
 * Which token a speech model may write next, and which it does: `SuppressTokensAtBegin`, `SuppressTokens` and
 * `WhisperTimeStampLogitsProcessor` of transformers, in their order.
 */
import type { SpeechRules } from '../../models/whisper/rules.ts'

const NEVER = Number.NEGATIVE_INFINITY

/** Changes `logits` [vocab] to what may follow `written`, the answer so far. */
export function applyRules(
  logits: Float32Array,
  written: readonly number[],
  rules: SpeechRules,
  timestamps: boolean,
): void {
  if (written.length === 0) for (const id of rules.suppressedFirst) logits[id] = NEVER
  for (const id of rules.suppressed) logits[id] = NEVER
  if (timestamps) applyTimestampRules(logits, written, rules)
}

/** Timestamps come in pairs, do not go back, begin an answer, and are written where they are likelier together than any text. */
function applyTimestampRules(
  logits: Float32Array,
  written: readonly number[],
  { noTimestamps, firstTimestamp, endOfText, maxInitialTimestamp }: SpeechRules,
): void {
  const isTime = (id: number | undefined) => id !== undefined && id >= firstTimestamp
  logits[noTimestamps] = NEVER
  const wasTime = isTime(written.at(-1))
  const wasTimeBefore = written.length < 2 || isTime(written.at(-2))
  if (wasTime && wasTimeBefore) logits.fill(NEVER, firstTimestamp)
  else if (wasTime) logits.fill(NEVER, 0, endOfText)
  const last = written.findLast(isTime)
  if (last !== undefined) {
    // The end of a segment may be the beginning of the next; any other comes once.
    const least = wasTime && !wasTimeBefore ? last : last + 1
    logits.fill(NEVER, firstTimestamp, least)
  }
  if (written.length === 0) {
    logits.fill(NEVER, 0, firstTimestamp)
    if (maxInitialTimestamp !== undefined)
      logits.fill(NEVER, firstTimestamp + maxInitialTimestamp + 1)
  }
  const texts = logits.subarray(0, firstTimestamp)
  if (logSumExp(logits.subarray(firstTimestamp)) > largest(texts)) texts.fill(NEVER)
}

/** The likeliest token at temperature 0, else one drawn by `uniform` in [0, 1). */
export function choose(logits: Float32Array, temperature: number, uniform: () => number): number {
  if (temperature === 0) return argmax(logits)
  const most = largest(logits)
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - most) / temperature))
  let left = uniform() * weights.reduce((sum, weight) => sum + weight, 0)
  const drawn = weights.findIndex((weight) => {
    left -= weight
    return left < 0
  })
  // Rounding may leave a little of the last one.
  return drawn >= 0 ? drawn : argmax(logits)
}

/** Log probability of a token at temperature 1. */
export function logprobOf(logits: Float32Array, token: number): number {
  return logits[token]! - logSumExp(logits)
}

export function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i
  return best
}

function largest(values: Float32Array): number {
  let most = NEVER
  for (const value of values) if (value > most) most = value
  return most
}

function logSumExp(values: Float32Array): number {
  const most = largest(values)
  if (most === NEVER) return NEVER
  let sum = 0
  for (const value of values) sum += Math.exp(value - most)
  return most + Math.log(sum)
}
