/** A decoder of ours behind the engine's own interface: whichever backend, measured in the same way. */
import { kvGeometry } from '../../../models/graph/graph.ts'
import type { DecoderSession, Row } from '../../engine/backend.ts'
import { chooseKvCacheType } from '../../engine/backends/choose.ts'
import { createBackend } from '../../engine/backends/create.ts'
import { decoderGraph, openModelFiles } from '../../engine/backends/model-files.ts'
import { stepSize } from '../../engine/backends/step-size.ts'
import { Sampler, type TokenSampler } from '../../engine/sampler.ts'
import type { SamplingParams } from '../../engine/types.ts'
import { computedAs } from '../../weights/computed-form.ts'
import { seededUniform } from '../random.ts'
import { type Decode, type Loaded, type Measure, type Ran, WARM_STEPS } from './jobs.ts'

export interface OurJob {
  readonly backend: string
  /** Folder or GGUF file. */
  readonly model: string
  readonly threads: number
  /** Positions of all sequences together that the cache has to hold. */
  readonly positions: number
}

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
  /** Sequences that hold a context, by its length. */
  readonly #contexts = new Map<number, number[]>()
  #sequences = 0

  private constructor(session: DecoderSession, loaded: Loaded) {
    this.#session = session
    this.#sampler = session.sampler ?? new Sampler(session.vocabSize)
    this.loaded = loaded
  }

  static async load({ backend, model, threads, positions }: OurJob): Promise<OurEngine> {
    const files = await openModelFiles(model)
    const graph = decoderGraph(files)
    const { weightBytes } = stepSize(files)
    await files.checkpoint.close()
    const { layers, kvHeads, headDim } = kvGeometry(graph)
    // As floats, the widest form that a backend keeps them in.
    const kvCacheBytes = positions * layers * 2 * kvHeads * headDim * 4
    const runtime = await createBackend(backend)
    // What a server's default would be.
    const computed = computedAs(files.tensors.values(), runtime.name)
    const kvCacheType = chooseKvCacheType('auto', runtime.name, computed)
    const options = { threads, kvCacheBytes, kvCacheType, kvBlockSize: BLOCK_SIZE }
    const session = await runtime.loadDecoder(model, options)
    return new OurEngine(session, {
      type: 'loaded',
      engine: `Aerie, backend ${backend}`,
      settings: `${threads} threads, ${kvCacheType} KV, prompts in steps of ${CHUNK}`,
      weightBytes,
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
    const contexts = await this.#contextsOf(context, batch)
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

  /** Reads them the first time, the first of them on from the longest one that is shorter. */
  async #contextsOf(context: number, batch: number): Promise<number[]> {
    const known = this.#contexts.get(context) ?? []
    while (known.length < batch) {
      const sequence = this.#sequences++
      const shorter = known.length === 0 ? this.#longestBelow(context) : 0
      if (shorter > 0) this.#session.fork(sequence, this.#contexts.get(shorter)![0]!, shorter)
      await this.#read(sequence, context - shorter)
      known.push(sequence)
    }
    this.#contexts.set(context, known)
    return known.slice(0, batch)
  }

  /** 0: there is none. */
  #longestBelow(context: number): number {
    return Math.max(0, ...[...this.#contexts.keys()].filter((length) => length < context))
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
