/** Guesses at what the toy decoder's sequences say next: right up to some token, and then wrong as often as not. */
import { TokenRandom } from '../../src/engine/random.ts'
import { Sampler } from '../../src/engine/sampler.ts'
import type { Draft } from '../../src/engine/scheduler.ts'
import type { Sequence } from '../../src/engine/sequence.ts'
import { afterFeatures, afterToken, TOY_HIDDEN, TOY_START, toyLogits } from './toy-decoder.ts'

const VOCABULARY = 64

export const halfRightDrafts: Draft = (sequence, most) => {
  const { request, output } = sequence
  const sampler = new Sampler(VOCABULARY)
  const random = new TokenRandom(request.seed, sequence.choice!)
  // Which tokens are right depends on the place alone, so that a failing case stays one while it shrinks.
  const right = (sequence.length * 7 + sequence.choice! * 3) % (most + 1)
  let state = stateOf(sequence)
  const draft: number[] = []
  for (let i = 0; i < most; i++) {
    const uniform = () => random.uniform(output.length + i)
    const { id } = sampler.sample(
      toyLogits(state, VOCABULARY),
      request.params.sampling,
      sequence,
      uniform,
    )
    draft.push(i < right ? id : (id + 1) % VOCABULARY)
    state = afterToken(state, draft[i]!)
  }
  return draft
}

function stateOf(sequence: Sequence): number {
  let state = TOY_START
  for (const span of sequence.spans(0, sequence.length)) {
    if (span.kind === 'tokens') {
      for (const id of span.ids) state = afterToken(state, id)
      continue
    }
    for (let row = span.firstRow; row < span.firstRow + span.rows; row++)
      state = afterFeatures(state, span.features.data.subarray(row * TOY_HIDDEN))
  }
  return state
}
