/** A decoder of ours behind the engine's own interface: whichever backend, measured in the same way. */
import { kvGeometry } from '../../../models/graph/graph.ts'
import type { DecoderSession, Row } from '../../engine/backend.ts'
import { chooseKvCacheType } from '../../engine/backends/choose.ts'
import { createBackend } from '../../engine/backends/create.ts'
import { decoderGraph, openModelFiles } from '../../engine/backends/model-files.ts'
import { nativeCaches, nativeDecoder } from '../../engine/backends/native.ts'
import type { NativeKvTable } from '../../engine/backends/native-kv.ts'
import { stepSize } from '../../engine/backends/step-size.ts'
import { Sampler, type TokenSampler } from '../../engine/sampler.ts'
import type { SamplingParams } from '../../engine/types.ts'
import { computedAs } from '../../weights/computed-form.ts'
import { surveyWeights } from '../../weights/weight-survey.ts'
import { seededUniform } from '../random.ts'
import { type Contexts, CopiedContexts, type Read, ReadContexts } from './contexts.ts'
import { type Decode, type Loaded, type Measure, type Ran, WARM_STEPS } from './jobs.ts'

export interface OurJob {
  readonly backend: string
  /** Folder or GGUF file. */
  readonly model: string
  readonly threads: number
  /** What the cache has to hold. */
  readonly cache: OurCache
}

export type OurCache =
  /** Of all sequences together; each context is read. */
  | { readonly positions: number }
  /** As many positions as that is; contexts are copied where the backend keeps blocks that can be. */
  | { readonly bytes: number }

/** Positions of a prompt that are read in one step. */
const CHUNK = 512
const BLOCK_SIZE = 16
/** As the peers choose. */
const GREEDY: SamplingParams = {
  ...{ temperature: 0, topP: 1, topK: 0, minP: 0 },
  ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: new Map() },
  ...{ seed: undefined, topLogprobs: undefined },
}
const NO_HISTORY = { promptIds: new Set<number>(), outputCounts: new Map<number, number>() }

export class OurEngine {
  readonly loaded: Loaded
  readonly #session: DecoderSession
  readonly #sampler: TokenSampler
  readonly #uniform = seededUniform()
  readonly #contexts: Contexts
  #sequences = 0

  private constructor(session: DecoderSession, cache: NativeKvTable | undefined, loaded: Loaded) {
    this.#session = session
    this.#sampler = session.sampler ?? new Sampler(session.vocabSize)
    const read: Read = (sequence, positions) => this.#read(sequence, positions)
    const newSequence = () => this.#sequences++
    this.#contexts = cache
      ? new CopiedContexts(cache, read, newSequence)
      : new ReadContexts(session, read, newSequence)
    this.loaded = loaded
  }

  static async load({ backend, model, threads, cache }: OurJob): Promise<OurEngine> {
    const files = await openModelFiles(model)
    await using _weights = files.checkpoint
    const { weightBytes } = stepSize(files)
    const { layers, kvHeads, headDim } = kvGeometry(decoderGraph(files))
    // As floats, the widest form that a backend keeps them in.
    const kvCacheBytes =
      'bytes' in cache ? cache.bytes : cache.positions * layers * 2 * kvHeads * headDim * 4
    const runtime = await createBackend(backend)
    // What a server's default would be.
    const computed = computedAs(surveyWeights(files.tensors.values()), runtime.name)
    const kvCacheType = chooseKvCacheType('auto', runtime.name, computed)
    const options = { threads, kvCacheBytes, kvCacheType, kvBlockSize: BLOCK_SIZE }
    const caches =
      'bytes' in cache && runtime.name === 'native' ? nativeCaches(files, options) : undefined
    const session = caches
      ? await nativeDecoder(files, options, caches)
      : await runtime.loadDecoder(model, options)
    const { blocksTotal, blockSize } = session.kv
    return new OurEngine(session, caches?.cache, {
      type: 'loaded',
      engine: `Aerie, backend ${backend}`,
      settings: `${threads} threads, ${kvCacheType} KV, prompts in steps of ${CHUNK}`,
      weightBytes,
      kv: { bytes: kvCacheBytes, positions: blocksTotal * blockSize },
    })
  }

  /** Rejects with what the backend does. */
  async run(measure: Measure): Promise<Pick<Ran, 'tokens' | 'seconds'>> {
    return measure.kind === 'prefill'
      ? await this.#prefill(measure.tokens)
      : await this.#decode(measure)
  }

  async dispose(): Promise<void> {
    await this.#session.dispose()
  }

  async #prefill(tokens: number): Promise<Pick<Ran, 'tokens' | 'seconds'>> {
    const sequence = this.#sequences++
    const start = performance.now()
    await this.#read(sequence, tokens)
    const seconds = (performance.now() - start) / 1000
    this.#session.free(sequence)
    return { tokens, seconds }
  }

  async #decode({ context, batch, steps }: Decode): Promise<Pick<Ran, 'tokens' | 'seconds'>> {
    const contexts = await this.#contexts.of(context, batch)
    const sequences = contexts.map((parent) => {
      const sequence = this.#sequences++
      this.#session.fork(sequence, parent, context)
      return sequence
    })
    let ids = sequences.map(() => this.#randomId())
    let start = 0
    for (let step = 0; step < WARM_STEPS + steps; step++) {
      if (step === WARM_STEPS) start = performance.now()
      const rows = sequences.map((sequence, i): Row => row(sequence, Int32Array.of(ids[i]!), true))
      const results = await this.#session.step(rows)
      ids = results.map(({ values }) => this.#greedy(values!))
    }
    const seconds = (performance.now() - start) / 1000
    for (const sequence of sequences) this.#session.free(sequence)
    return { tokens: batch * steps, seconds }
  }

  async #read(sequence: number, tokens: number): Promise<void> {
    for (let done = 0; done < tokens; done += CHUNK) {
      const length = Math.min(CHUNK, tokens - done)
      const ids = Int32Array.from({ length }, () => this.#randomId())
      await this.#session.step([row(sequence, ids, done + length === tokens)])
    }
  }

  #greedy(logits: Float32Array): number {
    return this.#sampler.sample(logits, GREEDY, NO_HISTORY, () => 0).id
  }

  /** As the peers take them: the first ids may have a meaning. */
  #randomId(): number {
    const most = Math.min(this.#session.vocabSize, 32_000)
    return 16 + Math.floor(this.#uniform() * (most - 16))
  }
}

function row(sequence: number, ids: Int32Array, isWanted: boolean): Row {
  return { sequence, input: [{ kind: 'tokens', ids }], want: isWanted ? 'logits' : 'none' }
}
