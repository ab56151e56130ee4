/** The events of continued texts → one `Completion`, or `CompletionChunk`s. */
import type { CompletionEvent, CountedTokens, TokenUsage } from '../chat/contract.ts'
import { countCodePoints } from '../chat/output.ts'
import type { components } from './openapi.d.ts'
import type { CompletionForm } from './wire-completion.ts'
import { toWireLogprob, toWireUsage } from './wire-usage.ts'

type Wire = components['schemas']
type Chunk = Wire['CompletionChunk']
type Logprobs = Wire['CompletionLogprobs']
type Finish = Wire['Completion']['choices'][number]['finish_reason']
type Start = Extract<CompletionEvent, { type: 'start' }>
type Told = Extract<CompletionEvent, { type: 'prompt' }>
type Token = NonNullable<Told['tokens']>[number]

/** What a choice has become so far. */
interface Choice {
  text: string
  readonly logprobs: Logprobs | null
  finishReason: Finish | undefined
}

/** Gathers a whole answer. */
export class CompletionBuilder {
  readonly #form: CompletionForm
  readonly #n: number
  readonly #choices: readonly Choice[]
  readonly #offsets: Offsets
  #start: Start | undefined
  #usage: TokenUsage | undefined

  constructor(form: CompletionForm, prompts: number, n: number) {
    this.#form = form
    this.#n = n
    this.#offsets = new Offsets(n)
    this.#choices = Array.from({ length: prompts * n }, () => ({
      text: '',
      // A text without a token has log probabilities too: none.
      logprobs: this.#form.logprobs ? noLogprobs() : null,
      finishReason: undefined,
    }))
  }

  add(event: CompletionEvent): void {
    switch (event.type) {
      case 'start':
        this.#start = event
        break
      case 'prompt':
        this.#offsets.shift(event)
        for (let i = 0; i < this.#n; i++) {
          const choice = this.#choices[event.prompt * this.#n + i]!
          choice.text = event.text
          if (choice.logprobs) addTokens(choice.logprobs, event.tokens ?? [], 0)
        }
        break
      case 'text-delta': {
        const choice = this.#choices[event.choice]!
        choice.text += event.text
        const { logprobs = [] } = event
        if (choice.logprobs) addTokens(choice.logprobs, logprobs, this.#offsets.of(event.choice))
        break
      }
      case 'finish':
        this.#choices[event.choice]!.finishReason = toFinish(event)
        break
      case 'usage':
        this.#usage = event
        break
    }
  }

  /** Throws when the events did not make whole texts: a 200 never hides a failure. */
  build(): Wire['Completion'] {
    if (!this.#start || !this.#usage)
      throw new Error('the texts ended without a start or without usage')
    return {
      ...headOf(this.#start),
      choices: this.#choices.map(({ text, logprobs, finishReason }, index) => {
        if (!finishReason) throw new Error(`choice ${index} ended without a finish reason`)
        return { index, text, logprobs, finish_reason: finishReason }
      }),
      usage: toWireUsage(this.#usage),
    }
  }
}

/** The same as a stream. */
export class CompletionChunks {
  readonly #form: CompletionForm
  readonly #n: number
  readonly #unfinished: Set<number>
  readonly #offsets: Offsets
  #head: Omit<Chunk, 'choices'> | undefined
  #usage: TokenUsage | undefined
  /** So far, of each choice. */
  readonly #counted = new Map<number, CountedTokens>()

  constructor(form: CompletionForm, prompts: number, n: number) {
    this.#form = form
    this.#n = n
    this.#offsets = new Offsets(n)
    this.#unfinished = new Set(Array(prompts * n).keys())
  }

  add(event: CompletionEvent): readonly Chunk[] {
    switch (event.type) {
      case 'start':
        this.#head = {
          ...headOf(event),
          ...(this.#form.includeUsage ? { usage: null } : {}),
        }
        return []
      case 'prompt':
        this.#offsets.shift(event)
        return Array.from({ length: this.#n }, (_, i) =>
          this.#chunk(event.prompt * this.#n + i, event.text, event.tokens, 0, null),
        )
      case 'text-delta': {
        const { choice, text, logprobs } = event
        return [this.#chunk(choice, text, logprobs, this.#offsets.of(choice), null)]
      }
      case 'finish':
        this.#unfinished.delete(event.choice)
        return [this.#chunk(event.choice, '', undefined, 0, toFinish(event))]
      case 'progress':
        this.#counted.set(event.choice, event)
        return []
      case 'usage':
        this.#usage = event
        return []
      case 'timings':
        return []
    }
  }

  /** The chunk with the figures, where they were asked for. Throws unless the texts are whole. */
  end(): readonly Chunk[] {
    if (this.#unfinished.size > 0 || !this.#usage)
      throw new Error(`the texts ended with ${this.#unfinished.size} choices unfinished`)
    if (!this.#form.includeUsage) return []
    return [{ ...this.#head!, choices: [], usage: toWireUsage(this.#usage) }]
  }

  #chunk(
    index: number,
    text: string,
    tokens: readonly Token[] | undefined,
    shift: number,
    finish: Finish | null,
  ): Chunk {
    if (!this.#head) throw new Error('the texts have no start')
    const logprobs = tokens && this.#form.logprobs ? noLogprobs() : null
    if (logprobs) addTokens(logprobs, tokens!, shift)
    const counted = this.#form.usageInChunks && this.#counted.get(index)
    return {
      ...this.#head,
      choices: [{ index, text, logprobs, finish_reason: finish }],
      ...(counted && { usage: toWireUsage(counted) }),
    }
  }
}

/** Where the answer begins in the text of a choice: behind the prompt, where that is told. */
class Offsets {
  readonly #n: number
  readonly #lengths = new Map<number, number>()

  constructor(n: number) {
    this.#n = n
  }

  shift({ prompt, text }: Told): void {
    this.#lengths.set(prompt, countCodePoints(text))
  }

  of(choice: number): number {
    return this.#lengths.get(Math.floor(choice / this.#n)) ?? 0
  }
}

function headOf({ id, created, model, systemFingerprint }: Start) {
  return {
    id,
    object: 'text_completion' as const,
    created,
    model,
    system_fingerprint: systemFingerprint,
  }
}

/** Nothing here calls a tool. */
function toFinish({ reason }: Extract<CompletionEvent, { type: 'finish' }>): Finish {
  return reason === 'length' ? 'length' : 'stop'
}

function noLogprobs(): Logprobs {
  return { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
}

/** `shift`: code points of the choice's text before the one that the tokens count from. */
function addTokens(logprobs: Logprobs, tokens: readonly Token[], shift: number): void {
  for (const token of tokens) {
    const name = nameOf(token)
    const logprob = token.logprob === undefined ? null : toWireLogprob(token.logprob)
    logprobs.tokens.push(name)
    logprobs.token_logprobs.push(logprob)
    logprobs.text_offset.push(shift + token.start)
    logprobs.top_logprobs.push(logprob === null ? null : topOf(token, name, logprob))
  }
}

/** Two tokens of one text are one name here: the more probable has it. */
function topOf({ top }: Token, name: string, logprob: number): Record<string, number> {
  const all = new Map<string, number>()
  for (const other of top) {
    const otherName = nameOf(other)
    if (!all.has(otherName)) all.set(otherName, toWireLogprob(other.logprob))
  }
  if (!all.has(name)) all.set(name, logprob)
  return Object.fromEntries(all)
}

/** The text; where bytes are no text by themselves, they in OpenAI's spelling. */
function nameOf({ token, bytes }: Pick<Token, 'token' | 'bytes'>): string {
  if (!bytes || !token.includes('\ufffd')) return token
  return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`
}
