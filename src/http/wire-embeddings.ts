/** Embeddings: wire → ours, and back piece by piece, as a map has millions of numbers. */
import { setImmediate } from 'node:timers/promises'
import {
  type Embedded,
  type EmbeddingInput,
  type EmbeddingRequest,
  type EmbeddingResult,
  embeddingTokens,
} from '../embeddings/contract.ts'
import type { WireRequests } from './contract.ts'
import type { components } from './openapi.d.ts'
import { contradiction } from './wire-request.ts'

type WireEmbedding = WireRequests['EmbeddingRequest']
type WireInput = Exclude<Exclude<WireEmbedding['input'], string>[number], number>
type Wire = components['schemas']

/** How the answer is to be written. */
export interface EmbeddingForm {
  readonly format: 'float' | 'base64'
  /** The request has options of ours, so it knows their answer. */
  readonly explains: boolean
}

export function toEmbeddingForm({ encoding_format: format, aerie }: WireEmbedding): EmbeddingForm {
  return { format: format ?? 'float', explains: aerie !== undefined && aerie !== null }
}

export function toEmbeddingRequest(
  wire: WireEmbedding,
  { tenant, isInner }: { readonly tenant: string; readonly isInner: boolean },
): EmbeddingRequest {
  const { input, aerie } = wire
  return {
    model: wire.model,
    inputs: typeof input === 'string' ? [toInput(input, 'input')] : toInputs(input),
    output: aerie?.output ?? undefined,
    size: aerie?.size ?? 'auto',
    dimensions: wire.dimensions ?? undefined,
    deadlineMs: aerie?.deadline_ms ?? undefined,
    priority: isInner ? 'batch' : 'live',
    tenant,
  }
}

/** Numbers alone are the token ids of one text. Throws `invalid_request` for one beside something else. */
function toInputs(inputs: Exclude<WireEmbedding['input'], string>): EmbeddingInput[] {
  const ids = inputs.filter((one) => typeof one === 'number')
  if (ids.length === inputs.length) return [{ type: 'ids', ids, param: 'input' }]
  return inputs.map((one, i) => {
    const param = `input[${i}]`
    if (typeof one !== 'number') return toInput(one, param)
    const what = `expected a text, a picture or an array of token ids beside others, got ${one}`
    throw contradiction(param, what)
  })
}

/** A string that is no URL is a text. The contract has refused every other kind. */
function toInput(input: WireInput, param: string): EmbeddingInput {
  if (typeof input === 'string') {
    return /^\s*(?:data:|https?:\/\/)/i.test(input)
      ? { type: 'image', url: input, param }
      : { type: 'text', text: input, param }
  }
  if (Array.isArray(input)) return { type: 'ids', ids: input, param }
  if ('text' in input) return { type: 'text', text: input.text, param: `${param}.text` }
  const { image_url: image } = input
  return typeof image === 'string'
    ? { type: 'image', url: image, param: `${param}.image_url` }
    : { type: 'image', url: image.url, param: `${param}.image_url.url` }
}

/** Numbers in one piece: a few milliseconds of work, after which others have their turn. A multiple of 3, for base64. */
const PIECE = 3 * 4096

/** The JSON of an `EmbeddingList`, piece by piece. */
export async function* embeddingJson(
  { model, output, embeddings }: EmbeddingResult,
  { format, explains }: EmbeddingForm,
): AsyncGenerator<string> {
  yield '{"object":"list","data":['
  for (const [index, item] of embeddings.entries()) {
    yield `${index > 0 ? ',' : ''}{"object":"embedding","index":${index},"embedding":`
    yield* format === 'base64' ? base64(item.values) : numbers(item.values)
    if (explains) yield `,"aerie":${JSON.stringify(explanation(item))}`
    yield '}'
  }
  const tokens = embeddingTokens(embeddings)
  const rest: Omit<Wire['EmbeddingList'], 'object' | 'data'> = {
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
    ...(explains ? { aerie: { output } } : {}),
  }
  yield `],${JSON.stringify(rest).slice(1)}`
}

function explanation(item: Embedded): NonNullable<Wire['Embedding']['aerie']> {
  if (item.type === 'text') {
    const { shape, tokens, cached } = item
    return { shape: [...shape], tokens, cached }
  }
  const { shape, source, seen, patches, cached } = item
  return {
    shape: [...shape],
    source: { height: source.height, width: source.width },
    seen: { height: seen.height, width: seen.width },
    patches,
    cached,
  }
}

async function* numbers(values: Float32Array): AsyncGenerator<string> {
  yield '['
  for (const [i, piece] of pieces(values).entries()) {
    yield (i > 0 ? ',' : '') + piece.join(',')
    await setImmediate()
  }
  yield ']'
}

async function* base64(values: Float32Array): AsyncGenerator<string> {
  yield '"'
  for (const { buffer, byteOffset, byteLength } of pieces(values)) {
    yield Buffer.from(buffer, byteOffset, byteLength).toString('base64')
    await setImmediate()
  }
  yield '"'
}

function pieces(values: Float32Array): Float32Array[] {
  return Array.from({ length: Math.ceil(values.length / PIECE) }, (_, i) =>
    values.subarray(i * PIECE, (i + 1) * PIECE),
  )
}
