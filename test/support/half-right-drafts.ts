/** Guesses at what the toy decoder's sequences say next, by somebody who knows. */
import { TokenRandom } from '../../src/engine/random.ts'
import { Sampler } from '../../src/engine/sampler.ts'
import type { Draft } from '../../src/engine/scheduler.ts'
import type { Sequence } from '../../src/engine/sequence.ts'
import { afterFeatures, afterToken, TOY_HIDDEN, TOY_START, toyLogits } from './toy-decoder.ts'

const VOCABULARY = 64

/** Right up to some token, and wrong from there on; which one depends on the place alone, so a failing case shrinks. */
export const halfRightDrafts: Draft = (sequence, most) =>
  drafted(sequence, most, (sequence.length * 13 + sequence.choice! * 3) % (most + 1))

export const rightDrafts: Draft = (sequence, most) => drafted(sequence, most, most)

export const wrongDrafts: Draft = (sequence, most) => drafted(sequence, most, 0)

/** The first `right` of `most` tokens are those that come. */
function drafted(sequence: Sequence, most: number, right: number): number[] {
  const { request, output } = sequence
  const { minTokens, stopTokenIds } = request.params
  const sampler = new Sampler(VOCABULARY)
  const random = new TokenRandom(request.seed, sequence.choice!)
  let state = stateOf(sequence)
  const draft: number[] = []
  for (let i = 0; i < most; i++) {
    const uniform = () => random.uniform(output.length + i)
    const { id } = sampler.sample(
      toyLogits(state, VOCABULARY),
      request.params.sampling,
      sequence,
      uniform,
      output.length + i < minTokens ? stopTokenIds : undefined,
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
