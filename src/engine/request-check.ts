/** What the engine refuses before it queues anything. */
import { AerieError } from '../errors.ts'
import type { EngineAdapters, EngineReady } from './engine-messages.ts'
import { promptLength } from './prompt.ts'
import type { GenerateRequest } from './types.ts'

/** Throws `context_length_exceeded`, or `invalid_request` for what the caller should never have let through. */
export function checkRequest(
  request: GenerateRequest,
  model: EngineReady,
  adapters?: EngineAdapters,
): void {
  const { adapter } = request
  if (adapter !== undefined && !adapters?.list.some(({ name }) => name === adapter))
    throw invalid(`adapter: the engine has none of the name ${adapter.slice(0, 80)}`)
  const { prompt, n, maxTokens, minTokens, deadlineMs, sampling } = request
  const positions = promptLength(prompt)
  if (positions === 0) throw invalid('prompt: expected at least one position, got none')
  if (!(Number.isInteger(n) && n >= 1)) throw invalid(`n: expected at least 1, got ${n}`)
  if (!(Number.isInteger(maxTokens) && maxTokens >= 1)) {
    throw invalid(`maxTokens: expected at least 1, got ${maxTokens}`)
  }
  if (!(Number.isInteger(minTokens) && minTokens >= 0 && minTokens <= maxTokens)) {
    throw invalid(
      `min_tokens: expected at most the ${maxTokens} tokens that the answer may have, got ${minTokens}`,
      'min_tokens',
    )
  }
  if (!(deadlineMs > 0)) throw invalid(`deadlineMs: expected more than 0, got ${deadlineMs}`)
  // The last token of an answer is never read, so it takes no position.
  if (positions + maxTokens - 1 > model.maxContext) {
    throw new AerieError(
      'context_length_exceeded',
      `the prompt takes ${positions} positions and the answer up to ${maxTokens}; there are ${model.maxContext}`,
    )
  }
  for (const part of prompt) {
    if (part.kind === 'features') {
      const { data, rows } = part.features
      if (data.length !== rows * model.hiddenSize) {
        throw invalid(
          `features: expected ${rows} rows of ${model.hiddenSize} values, got ${data.length} values`,
        )
      }
    } else {
      const bad = part.ids.find((id) => id < 0 || id >= model.vocabSize)
      if (bad !== undefined) throw invalid(`prompt: token ${bad} is not in the vocabulary`)
    }
  }
  for (const id of sampling.logitBias.keys()) {
    if (!(Number.isInteger(id) && id >= 0 && id < model.vocabSize)) {
      throw invalid(
        `logit_bias: token ${id} is not in the vocabulary of ${model.vocabSize}`,
        'logit_bias',
      )
    }
  }
}

function invalid(message: string, param?: string): AerieError {
  return new AerieError('invalid_request', message, param === undefined ? {} : { param })
}
