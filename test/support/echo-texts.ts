/** Texts continued without a model: a prompt's words are its tokens, and the answer says the prompt again. */
import type { CompletionEvent, CompletionRequest, TextLogprob } from '../../src/chat/contract.ts'
import { countCodePoints } from '../../src/chat/output.ts'

/** Words with the space before them; ids are words too. */
export function wordsOf(prompt: CompletionRequest['prompts'][number]): string[] {
  return 'text' in prompt ? (prompt.text.match(/\s*\S+/g) ?? []) : prompt.ids.map((id) => ` ${id}`)
}

export function* echoTexts(request: CompletionRequest): Generator<CompletionEvent> {
  const { prompts, n, maxTokens, echo, sampling, stop } = request
  const { topLogprobs } = sampling
  const media = { imageTokens: 0, videoTokens: 0, soundTokens: 0, cachedTokens: 0 }
  const progress = (choice: number, completionTokens: number): CompletionEvent[] => {
    if (!request.tellsProgress) return []
    const promptTokens = wordsOf(prompts[Math.floor(choice / n)]!).length
    return [{ type: 'progress', choice, ...media, promptTokens, completionTokens }]
  }
  for (let choice = 0; choice < prompts.length * n; choice++) yield* progress(choice, 0)
  yield {
    ...{ type: 'start', id: `cmpl-${request.requestId}`, created: 1_795_600_000 },
    ...{ model: request.model, systemFingerprint: 'fp_echo' },
    sampling: { temperature: 0, topP: 1 },
  }
  let completionTokens = 0
  for (const [prompt, asked] of prompts.entries()) {
    const words = wordsOf(asked)
    if (echo) {
      const text = words.join('')
      const tokens = logprobsOf(words, topLogprobs).map((token, i) =>
        i === 0 ? { ...token, logprob: undefined, top: [] } : token,
      )
      yield { type: 'prompt', prompt, text, ...(topLogprobs !== undefined && { tokens }) }
    }
    const end = words.findIndex((word) => stop.some((text) => word.includes(text)))
    const whole = end < 0 ? words : words.slice(0, end)
    const said = whole.slice(0, maxTokens)
    for (let i = 0; i < n; i++) {
      const choice = prompt * n + i
      const logprobs = logprobsOf(said, topLogprobs)
      for (const [at, text] of said.entries()) {
        completionTokens++
        const logprob = topLogprobs === undefined ? {} : { logprobs: [logprobs[at]!] }
        yield* progress(choice, at + 1)
        yield { type: 'text-delta', choice, text, ...logprob }
      }
      yield { type: 'finish', choice, reason: said.length < whole.length ? 'length' : 'stop' }
    }
  }
  const promptTokens = prompts.reduce((sum, prompt) => sum + wordsOf(prompt).length, 0)
  const drafts = { draftedTokens: 0, acceptedTokens: 0 }
  yield { type: 'usage', promptTokens, completionTokens, ...media, ...drafts }
  yield { type: 'timings', stations: { prefill: 1, decode_tokens: 2 } }
}

function logprobsOf(words: readonly string[], top = 0): TextLogprob[] {
  let start = 0
  return words.map((token) => {
    const text = { token, bytes: new TextEncoder().encode(token), logprob: -0.5 }
    const half = { token: '\ufffd', bytes: Uint8Array.of(0xe2, 0x80), logprob: -1 }
    const masked = { token: '<mask>', bytes: null, logprob: Number.NEGATIVE_INFINITY }
    const logprob = { ...text, top: [text, half, masked].slice(0, top), start }
    start += countCodePoints(token)
    return logprob
  })
}
