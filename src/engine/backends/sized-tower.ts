/**
 * A tower of many input sizes over a bounded number of sessions. A graph is for pictures of one size, and a session holds
 * the tower's weights once: the least recently used one makes room before another is loaded.
 */
import type { EmbeddingTower } from '../../../models/family.ts'
import { AerieError } from '../../errors.ts'
import type { TowerInput, TowerSession, TowerSessions } from '../backend.ts'
import { type ModelFiles, openModelFiles } from './model-files.ts'
import type { EncoderRunner, RunnerMaker } from './tile-encoder.ts'

export class SizedTower implements TowerSession {
  readonly #directory: string
  readonly #max: number
  readonly #maker: RunnerMaker
  readonly #tower: EmbeddingTower
  /** By size and output, the most recently used last. */
  readonly #runners = new Map<string, EncoderRunner>()
  /** Of texts, from the first one on, and how many inputs its graph has. */
  #reader: { readonly runner: EncoderRunner; readonly inputs: number } | undefined
  #loads = 0
  #evictions = 0

  private constructor(directory: string, max: number, maker: RunnerMaker, tower: EmbeddingTower) {
    this.#directory = directory
    this.#max = max
    this.#maker = maker
    this.#tower = tower
  }

  /**
   * Loads the session that most requests want, and closes the maker when the tower is disposed or cannot be had. Rejects with
   * `invalid_package`, also for a model that is no tower alone.
   */
  static async load(directory: string, max: number, maker: RunnerMaker): Promise<SizedTower> {
    try {
      const { tower, checkpoint } = await openTower(directory)
      await checkpoint.close()
      const sized = new SizedTower(directory, max, maker, tower)
      await sized.#runner({ ...tower.preferred, output: tower.outputs[0]!.name })
      return sized
    } catch (error) {
      maker.close()
      throw error
    }
  }

  get sessions(): TowerSessions {
    const [loads, evictions] = [this.#loads, this.#evictions]
    return { loaded: this.#runners.size, max: this.#max, loads, evictions }
  }

  async see(pixels: Float32Array, pictures: number, input: TowerInput): Promise<Float32Array> {
    const { height, width } = input
    if (pictures < 1 || pixels.length !== pictures * 3 * height * width) {
      throw new AerieError(
        'backend_failure',
        `${pixels.length} values are not ${pictures} pictures of [3, ${height}, ${width}]`,
      )
    }
    const runner = await this.#runner(input)
    const values = await runner.run({ data: pixels, dims: [pictures, 3, height, width] })
    return finite(values, `${input.output} of ${width}×${height} pixels`)
  }

  async read(tokens: Int32Array, ends: Int32Array): Promise<Float32Array> {
    const texts = ends.length
    const { text } = this.#tower
    if (!text || texts < 1 || tokens.length !== texts * text.maxTokens) {
      throw new AerieError('backend_failure', `${tokens.length} tokens are not ${texts} texts`)
    }
    this.#reader ??= await this.#loadReader()
    const inputs = [
      { data: tokens, dims: [texts, text.maxTokens] },
      { data: ends, dims: [texts, 1] },
    ]
    const { runner, inputs: wanted } = this.#reader
    return finite(await runner.run(...inputs.slice(0, wanted)), 'text')
  }

  async dispose(): Promise<void> {
    const runners = [...this.#runners.values(), ...(this.#reader ? [this.#reader.runner] : [])]
    this.#runners.clear()
    this.#reader = undefined
    this.#maker.close()
    await Promise.all(runners.map((runner) => runner.dispose()))
  }

  async #runner(input: TowerInput): Promise<EncoderRunner> {
    const key = `${input.width}×${input.height} ${input.output}`
    const known = this.#runners.get(key)
    if (known) {
      this.#runners.delete(key)
      this.#runners.set(key, known)
      return known
    }
    const output = this.#tower.outputs.find(({ name }) => name === input.output)
    if (!output) throw new AerieError('backend_failure', `the tower has no output ${input.output}`)
    while (this.#runners.size >= this.#max) await this.#evictOldest()
    const { files, tower, checkpoint } = await openTower(this.#directory)
    await using _checkpoint = checkpoint
    const runner = await this.#maker.load(tower.graph(input, output), output.output, files)
    this.#loads++
    this.#runners.set(key, runner)
    return runner
  }

  async #loadReader(): Promise<{ readonly runner: EncoderRunner; readonly inputs: number }> {
    const { files, checkpoint } = await openTower(this.#directory)
    await using _checkpoint = checkpoint
    const graph = files.graphs.textEncoder
    if (!graph) throw new AerieError('backend_failure', 'the tower has no graph of texts')
    const runner = await this.#maker.load(graph, graph.outputs[0]!.name, files)
    return { runner, inputs: graph.inputs.length }
  }

  async #evictOldest(): Promise<void> {
    const [key, runner] = this.#runners.entries().next().value!
    this.#runners.delete(key)
    this.#evictions++
    await runner.dispose()
  }
}

/** Rejects numbers that are not finite with `backend_failure`. */
function finite(values: Float32Array, what: string): Float32Array {
  if (values.every(Number.isFinite)) return values
  throw new AerieError('backend_failure', `${what} has numbers that are not finite`)
}

async function openTower(directory: string): Promise<{
  readonly files: ModelFiles
  readonly tower: EmbeddingTower
  readonly checkpoint: ModelFiles['checkpoint']
}> {
  const files = await openModelFiles(directory)
  const { embeddingTower: tower, checkpoint } = files
  if (tower) return { files, tower, checkpoint }
  await checkpoint.close()
  throw new AerieError('invalid_package', `${directory}: no tower that is published alone`)
}
