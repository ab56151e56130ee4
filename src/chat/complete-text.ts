/** Texts that are continued: prompts → ids, one generation a prompt, and the events of all of them as they come. */
import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { ServedAdapter } from '../adapters/contract.ts'
import { adapterFingerprint } from '../capabilities/adapter-document.ts'
import type { Deadline } from '../deadline.ts'
import type {
  EngineStats,
  GenerateRequest,
  Generation,
  GenerationEvent,
  RankedLogprob,
} from '../engine/types.ts'
import { watchedGeneration } from '../engine/watched-generation.ts'
import { AerieError } from '../errors.ts'
import { AnswerAccount } from '../limits/answer-account.ts'
import { ALL_TOKENS, type TokenTable } from '../tokenizer/token-table.ts'
import { GenerationTrace } from '../tracing/generation-trace.ts'
import { answer } from './answer.ts'
import type { CompletionEvent, CompletionRequest, PromptToken } from './completion-contract.ts'
import type { StationTimes, TokenUsage } from './contract.ts'
import { formatConstraint } from './format-constraint.ts'
import { merge } from './merge.ts'
import type { ServedModel } from './model.ts'
import { countCodePoints, toTokenText } from './output.ts'
import { resolveSampling } from './sampling.ts'

/** Tokens that are turned into text in one go. */
const AT_A_TIME = 512
/** Log probabilities of all prompts of a request: more would make an answer of many megabytes. */
const MOST_PROMPT_LOGPROBS = 2 ** 17

const NO_MEDIA = { imageTokens: 0, videoTokens: 0, soundTokens: 0 }
/** What ends an answer that goes on over its ends. */
export const NO_TOKENS: ReadonlySet<number> = new Set()
const NO_TOOLS = { tools: [], toolChoice: { mode: 'none' }, parallelToolCalls: false } as const

/** Throws as `ChatService.complete` does; nothing is yielded before every prompt holds its place in the engine's queue. */
export async function* completeText(
  model: ServedModel,
  request: CompletionRequest,
  adapter: ServedAdapter | undefined,
  deadline: Deadline,
): AsyncGenerator<CompletionEvent> {
  refuseTooMany(model.engine.stats(), request)
  const prompts = await promptIds(model, request)
  refuseTooMuch(prompts, request)
  const constraint = formatConstraint(request.responseFormat)
  if (constraint) await model.engine.prepare(constraint, deadline.signal)
  const leave = new AbortController()
  const signal = AbortSignal.any([deadline.signal, leave.signal])
  signal.throwIfAborted()
  using account = await AnswerAccount.take({
    promptTokens: prompts.reduce((sum, { length }) => sum + length, 0),
    maxTokens: prompts.length * request.n * request.maxTokens,
    isBounded: true,
    param: 'prompt',
  })
  using traces = new DisposableStack()
  try {
    const readers = prompts.map((ids) => {
      const trace = traces.use(new GenerationTrace())
      const running = model.engine.generate(
        {
          ...toGenerate(model, request, ids, deadline),
          ...(constraint && { constraint }),
          ...(adapter && { adapter: adapter.name }),
        },
        signal,
      )
      const watched = watchedGeneration(running, (event) => {
        account.see(event)
        trace.see(event)
      })
      return new PromptReader(watched)
    })
    if (request.tellsProgress) yield* begun(prompts, request.n)
    yield {
      type: 'start',
      id: `cmpl-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: adapter?.name ?? model.id,
      systemFingerprint: adapter
        ? adapterFingerprint(model.systemFingerprint, adapter.facts)
        : model.systemFingerprint,
      sampling: resolveSampling(request.sampling, model.samplingDefaults),
    }
    // Who measures texts counts on a last token, whatever it was.
    const asked = { ...request, ...NO_TOOLS, tellsEnd: true }
    const answers = readers.map((reader) => answer(model, asked, reader, NO_MEDIA, []))
    const bill = new Bill()
    const isTold = new Set<number>()
    for await (const [prompt, event] of merge(answers, () => leave.abort())) {
      if (request.echo && !isTold.has(prompt)) {
        isTold.add(prompt)
        yield await told(model.tokenizer, request, prompt, prompts[prompt]!, readers[prompt]!)
      }
      const first = prompt * request.n
      if (event.type === 'text-delta') yield { ...event, choice: first + event.choice }
      else if (event.type === 'finish' || event.type === 'progress')
        yield { ...event, choice: first + event.choice }
      else if (event.type === 'usage') bill.add(event)
      else if (event.type === 'timings') bill.addTimes(event.stations)
    }
    yield* bill.events()
  } finally {
    // Those that still run.
    leave.abort()
  }
}

/** What is known of each choice before anything is computed. */
function* begun(prompts: readonly Int32Array[], n: number): Generator<CompletionEvent> {
  for (const [prompt, { length: promptTokens }] of prompts.entries()) {
    const counted = { promptTokens, cachedTokens: 0, ...NO_MEDIA, completionTokens: 0 }
    for (let i = 0; i < n; i++) yield { type: 'progress', choice: prompt * n + i, ...counted }
  }
}

/** Throws `invalid_request` for more answers than could ever wait and run together. */
function refuseTooMany(
  { maxRunning, maxWaiting }: Pick<EngineStats, 'maxRunning' | 'maxWaiting'>,
  { prompts, n }: CompletionRequest,
): void {
  const most = maxRunning + maxWaiting
  if (prompts.length * n <= most) return
  const what = `prompt: ${prompts.length} prompts, each continued ${n} times, are more than the ${most} answers that this server runs and lets wait`
  throw new AerieError('invalid_request', what, { param: 'prompt' })
}

/** Throws `invalid_request` where more is to be told of the prompts than one answer should hold. */
function refuseTooMuch(
  prompts: readonly Int32Array[],
  { echo, sampling }: CompletionRequest,
): void {
  const { topLogprobs } = sampling
  if (!echo || topLogprobs === undefined) return
  const tokens = prompts.reduce((sum, { length }) => sum + length, 0)
  const told = tokens * (1 + topLogprobs)
  if (told <= MOST_PROMPT_LOGPROBS) return
  const what = `logprobs: ${tokens} tokens of prompts have ${told} log probabilities; at most ${MOST_PROMPT_LOGPROBS} are told with echo`
  throw new AerieError('invalid_request', what, { param: 'logprobs' })
}

/** Throws `invalid_request` for ids that are none and prompts of nothing, `context_length_exceeded`. */
async function promptIds(model: ServedModel, request: CompletionRequest): Promise<Int32Array[]> {
  const { tokenizer, encoder, engine, limits } = model
  const { prompts, maxTokens, addsSpecialTokens: whole } = request
  for (const prompt of prompts) {
    if (!('text' in prompt)) continue
    const { length } = prompt.text
    if (length <= limits.maxContext * tokenizer.maxTokenBytes) continue
    const what = `${length} characters are more than can fit into the model's ${limits.maxContext} positions`
    throw tooLong(prompt.param, what)
  }
  const texts = prompts.flatMap((prompt) => ('text' in prompt ? [prompt.text] : []))
  const encoded = (await encoder.encode(texts, { whole })).values()
  const { maxContext, maxPrompt = maxContext } = limits
  return prompts.map((prompt) => {
    const { param } = prompt
    const ids =
      'text' in prompt
        ? (encoded.next().value as Int32Array)
        : checkedIds(prompt.ids, engine.vocabSize, param)
    if (ids.length === 0) {
      const what = `${param}: expected at least one token; this model puts none in front of a text`
      throw new AerieError('invalid_request', what, { param })
    }
    if (ids.length > maxPrompt)
      throw tooLong(param, `takes ${ids.length} positions; the model reads ${maxPrompt}`)
    if (ids.length + maxTokens > maxContext) {
      const what = `takes ${ids.length} positions and the answer up to ${maxTokens}; the model has ${maxContext}`
      throw tooLong(param, what)
    }
    return ids
  })
}

function tooLong(param: string, what: string): AerieError {
  return new AerieError('context_length_exceeded', `${param}: ${what}`, { param })
}

/** The text of ids, special tokens by their names. Throws as {@link checkedIds}. */
export async function detokenize(
  { tokenizer, engine }: Pick<ServedModel, 'tokenizer' | 'engine'>,
  ids: readonly number[],
): Promise<string> {
  checkedIds(ids, engine.vocabSize, 'tokens')
  const detokenizer = tokenizer.detokenizer(ALL_TOKENS)
  const pieces: string[] = []
  for (const [i, id] of ids.entries()) {
    if (i % AT_A_TIME === AT_A_TIME - 1) await setImmediate()
    pieces.push(detokenizer.push(id))
  }
  return pieces.join('') + detokenizer.flush()
}

/** Throws `invalid_request` for an id that the model has no embedding of. */
export function checkedIds(ids: readonly number[], vocabSize: number, param: string): Int32Array {
  const at = ids.findIndex((id) => id >= vocabSize)
  if (at < 0) return Int32Array.from(ids)
  const what = `${param}[${at}]: expected a token id below ${vocabSize}, got ${ids[at]}`
  throw new AerieError('invalid_request', what, { param: `${param}[${at}]` })
}

function toGenerate(
  model: ServedModel,
  request: CompletionRequest,
  ids: Int32Array,
  deadline: Deadline,
): GenerateRequest {
  const { n, maxTokens, minTokens, priority, echo } = request
  const { topLogprobs } = request.sampling
  return {
    prompt: [{ kind: 'tokens', ids }],
    sampling: resolveSampling(request.sampling, model.samplingDefaults),
    ...{ n, maxTokens, minTokens, priority },
    stopTokenIds: request.ignoresEnd ? NO_TOKENS : model.stopTokenIds,
    // A clock that is over and has not struck yet, on a busy thread, is the engine's to tell.
    deadlineMs: Math.max(1, deadline.remainingMs()),
    cacheSalt: `${request.tenant}\n${request.cacheKey ?? ''}`,
    ...(echo && topLogprobs !== undefined && { promptLogprobs: topLogprobs }),
  }
}

/** A generation, with what is told of its prompt gathered on the way. */
class PromptReader implements Generation {
  readonly #generation: Generation
  /** Of the prompt's tokens from the second on; whole before any other event has passed. */
  readonly logprobs: RankedLogprob[] = []

  constructor(generation: Generation) {
    this.#generation = generation
  }

  get unread(): number {
    return this.#generation.unread
  }

  stop(choice: number): void {
    this.#generation.stop(choice)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationEvent> {
    for await (const event of this.#generation) {
      if (event.type === 'prompt-logprobs') this.logprobs.push(...event.tokens)
      else yield event
    }
  }
}

/** The prompt, for clients that want it in front of its answers. */
async function told(
  tokenizer: TokenTable,
  { prompts, sampling }: CompletionRequest,
  prompt: number,
  ids: Int32Array,
  { logprobs }: PromptReader,
): Promise<CompletionEvent> {
  const asked = prompts[prompt]!
  const text = 'text' in asked ? asked.text : tokenizer.decode(ids, ALL_TOKENS)
  if (sampling.topLogprobs === undefined) return { type: 'prompt', prompt, text }
  const length = countCodePoints(text)
  // What a tokenizer puts in front is a token of the prompt and no part of its text.
  const shownFrom = 'text' in asked ? firstShown(tokenizer, asked.text, ids) : 0
  const detokenizer = tokenizer.detokenizer(ALL_TOKENS)
  let start = 0
  const tokens: PromptToken[] = []
  for (const [i, id] of ids.entries()) {
    // Nobody else shall wait for all of a long prompt.
    if (i % AT_A_TIME === AT_A_TIME - 1) await setImmediate()
    const { logprob, top = [] } = logprobs[i - 1] ?? {}
    const at = Math.min(start, length)
    if (i >= shownFrom) start += countCodePoints(detokenizer.push(id))
    const named = toTokenText(tokenizer, { id, logprob: 0 })
    const others = top.map((token) => toTokenText(tokenizer, token))
    tokens.push({ ...named, logprob, top: others, start: at })
  }
  return { type: 'prompt', prompt, text, tokens }
}

/** How many tokens stand before the first that the text begins with. */
function firstShown(tokenizer: TokenTable, text: string, ids: Int32Array): number {
  const at = ids.findIndex((id) => {
    return (
      !tokenizer.isSpecial(id) || text.startsWith(toTokenText(tokenizer, { id, logprob: 0 }).token)
    )
  })
  return at < 0 ? ids.length : at
}

/** What all generations took together: tokens in sum, times as of the longest, as they run beside each other. */
class Bill {
  #usage: TokenUsage | undefined
  readonly #stations: Record<string, number> = {}

  add(usage: TokenUsage): void {
    const before = this.#usage
    this.#usage = before
      ? {
          promptTokens: before.promptTokens + usage.promptTokens,
          cachedTokens: before.cachedTokens + usage.cachedTokens,
          ...NO_MEDIA,
          completionTokens: before.completionTokens + usage.completionTokens,
          draftedTokens: before.draftedTokens + usage.draftedTokens,
          acceptedTokens: before.acceptedTokens + usage.acceptedTokens,
        }
      : usage
  }

  addTimes(stations: StationTimes): void {
    for (const [name, ms] of Object.entries(stations))
      this.#stations[name] = Math.max(this.#stations[name] ?? 0, ms)
  }

  *events(): Generator<CompletionEvent> {
    if (!this.#usage) throw new Error('the answers ended without usage')
    yield { type: 'usage', ...this.#usage }
    yield { type: 'timings', stations: this.#stations }
  }
}
