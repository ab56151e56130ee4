/** Quantises a checkpoint file by file, and says what came of it. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { loadModelConfig, type ModelConfig } from '../../models/load-config.ts'
import { bindModel } from '../engine/backends/model-files.ts'
import { isJsonObject } from '../model-folder.ts'
import type { Quantization } from '../package/manifest.ts'
import { runTask } from '../task-thread.ts'
import { Checkpoint, type StoredTensor } from '../weights/checkpoint.ts'
import { INDEX_FILE } from '../weights/checkpoint-index.ts'
import type { FactorPlace } from './layer-inputs.ts'
import type { ToLookAt } from './layer-inputs-worker.ts'
import { type Measured, measureInThread } from './measure-thread.ts'
import type { QuantiseOptions } from './methods.ts'
import { planQuantisation, type QuantisationPlan } from './plan.ts'
import { RowPool } from './row-pool.ts'
import { THRESHOLDS, type Thresholds, tooFar } from './thresholds.ts'
import { partsToKeep, type TowerPart, towerParts } from './tower-choice.ts'
import {
  storedNames,
  type TensorToWrite,
  type WriteOptions,
  writeTensors,
} from './write-tensors.ts'

export interface ModelQuantiserOptions extends QuantiseOptions {
  /** Folder for what is tried out and remembered while the package is made. */
  readonly scratch: string
  /** Tells the source from others: what was found out about another is not used. */
  readonly identity: string
  /** Folder, or GGUF file, of the model's tokenizer; undefined: where the model's text is. */
  readonly tokenizer?: string
  readonly signal?: AbortSignal | undefined
  readonly thresholds?: Thresholds
  /** Told what is done between files. */
  readonly onPhase?: (phase: string) => void
}

/** Weights as they will lie in the package. */
export interface WrittenFile {
  readonly bytes: number
  readonly sha256: string
}

const TRIAL = 'trial.safetensors'
const CHOICE = 'towers.json'
const FACTORS = 'factors.bin'

export class ModelQuantiser implements AsyncDisposable {
  readonly #directory: string
  readonly #config: ModelConfig
  readonly #checkpoint: Checkpoint
  readonly #options: ModelQuantiserOptions
  readonly #pool: RowPool
  readonly #parts: readonly TowerPart[]
  /** Part → why it stays. */
  #kept: ReadonlyMap<string, string> = new Map()
  #plan: QuantisationPlan = new Map()
  /** Of the decoder's weights by graph name, where they do not round each by itself. */
  #factors: ReadonlyMap<string, FactorPlace> = new Map()

  private constructor(
    directory: string,
    config: ModelConfig,
    checkpoint: Checkpoint,
    options: ModelQuantiserOptions,
  ) {
    this.#directory = directory
    this.#config = config
    this.#checkpoint = checkpoint
    this.#options = options
    this.#pool = new RowPool()
    this.#parts = towerParts(config)
  }

  /** Opens a checkpoint that was examined, and finds out which towers bear it. Rejects as `measureInThread` and `writeTensors`. */
  static async open(directory: string, options: ModelQuantiserOptions): Promise<ModelQuantiser> {
    const config = await loadModelConfig(directory)
    const { weightFolders } = config.family
    const checkpoint = weightFolders
      ? await Checkpoint.openParts(directory, weightFolders)
      : await Checkpoint.open(directory)
    const quantiser = new ModelQuantiser(directory, config, checkpoint, options)
    try {
      quantiser.#kept = await quantiser.#chooseTowers()
      quantiser.#plan = quantiser.#planWithout(quantiser.#kept.keys())
      if (options.rounding === 'gptq') quantiser.#factors = await quantiser.#lookAtInputs()
      return quantiser
    } catch (error) {
      await quantiser[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Parts that stay as they are, each with the reason. */
  get kept(): ReadonlyMap<string, string> {
    return this.#kept
  }

  /** Whether the file of that path is other in the package than in the checkpoint. */
  changes(path: string): boolean {
    return basename(path) === INDEX_FILE || this.#checkpoint.files.some(({ name }) => name === path)
  }

  /** Writes such a file. */
  async write(
    path: string,
    target: string,
    options: Omit<WriteOptions, 'pool'> = {},
  ): Promise<WrittenFile> {
    if (basename(path) === INDEX_FILE) return await this.#writeIndex(path, target)
    return await writeTensors(target, this.#tensorsOf(path), { ...options, pool: this.#pool })
  }

  /** Measures the package's folder against the checkpoint; `beyond` are the thresholds that it is beyond, in words. */
  async measure(packageDir: string): Promise<{ quantization: Quantization; beyond: string[] }> {
    this.#options.onPhase?.('measuring against the checkpoint')
    const measured = await this.#measure({ package: packageDir }, 'all')
    const { method, group, thresholds = THRESHOLDS } = this.#options
    return {
      quantization: {
        method: this.#factors.size > 0 ? 'gptq' : 'round-to-nearest',
        bits: method === 'int8' ? 8 : 4,
        group,
        ...(measured.bitsPerWeight !== undefined && {
          bitsPerWeight: Number(measured.bitsPerWeight.toFixed(3)),
        }),
        parts: this.#describeParts(),
        measured: {
          ...(measured.decoder && { decoder: measured.decoder }),
          towers: [...measured.towers],
        },
        thresholds: { ...thresholds },
      },
      beyond: tooFar(measured.decoder, thresholds),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]()
    await this.#checkpoint.close()
    for (const file of [TRIAL, FACTORS])
      await rm(join(this.#options.scratch, file), { force: true })
  }

  /** Quantises the towers alone, measures them, and leaves out those that change too much until none does. */
  async #chooseTowers(): Promise<ReadonlyMap<string, string>> {
    const { scratch, thresholds = THRESHOLDS, onPhase } = this.#options
    const { preprocessing, embeddingTower } = this.#config
    if (this.#parts.length === 0 || !(preprocessing || embeddingTower)) return new Map()
    const known = await this.#rememberedChoice()
    if (known) return known
    const kept = new Map<string, string>()
    await mkdir(scratch, { recursive: true })
    while (kept.size < this.#parts.length) {
      onPhase?.('trying the towers')
      const tried = [...this.#planWithout(kept.keys())].filter(([, { isDecoder }]) => !isDecoder)
      const tensors = tried.map(([tensor, { form }]) => ({ tensor, name: tensor.name, form }))
      const { signal } = this.#options
      await writeTensors(join(scratch, TRIAL), tensors, { pool: this.#pool, signal })
      const { towers } = await this.#measure({ trial: scratch, file: TRIAL }, 'encoder')
      const failing = partsToKeep(this.#parts, towers, new Set(kept.keys()), thresholds)
      if (failing.length === 0) break
      const cosines = towers.map(
        ({ name, cosineMean, cosineLeast }) =>
          `${name} ${cosineMean.toFixed(5)} (least ${cosineLeast.toFixed(4)})`,
      )
      for (const name of failing) kept.set(name, `cosines with int8: ${cosines.join(', ')}`)
    }
    await this.#rememberChoice(kept)
    return kept
  }

  /** What the layers of the decoder read whose weights are in groups. */
  async #lookAtInputs(): Promise<ReadonlyMap<string, FactorPlace>> {
    const planned = [...this.#plan.values()]
    const weights = planned.flatMap(({ weight, form, isDecoder }) =>
      isDecoder && form.kind === 'groups' ? [weight] : [],
    )
    if (weights.length === 0) return new Map()
    const { scratch, signal, onPhase, tokenizer } = this.#options
    onPhase?.('reading a text with the decoder')
    await mkdir(scratch, { recursive: true })
    await rm(this.#factorFile, { force: true })
    const task: ToLookAt = {
      checkpoint: this.#directory,
      tokenizer: tokenizer ?? join(this.#directory, this.#config.family.textFolder ?? ''),
      weights: new Set(weights),
      target: this.#factorFile,
      threads: availableParallelism(),
    }
    return await runTask(new URL('./layer-inputs-worker.ts', import.meta.url), task, signal)
  }

  get #factorFile(): string {
    return join(this.#options.scratch, FACTORS)
  }

  /** An import that was killed goes on with what it had found out. */
  async #rememberedChoice(): Promise<Map<string, string> | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(join(this.#options.scratch, CHOICE), 'utf8'))
      if (!isJsonObject(value) || value['identity'] !== this.#options.identity) return undefined
      const { kept } = value
      return isJsonObject(kept)
        ? new Map(Object.entries(kept).map(([name, reason]) => [name, String(reason)]))
        : undefined
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (isMissing || error instanceof SyntaxError) return undefined
      throw error
    }
  }

  async #rememberChoice(kept: ReadonlyMap<string, string>): Promise<void> {
    const path = join(this.#options.scratch, CHOICE)
    const { identity } = this.#options
    await writeFile(`${path}.new`, JSON.stringify({ identity, kept: Object.fromEntries(kept) }))
    await rename(`${path}.new`, path)
  }

  #planWithout(parts: Iterable<string>): QuantisationPlan {
    const stay = new Set(parts)
    const keep = this.#parts
      .filter(({ name }) => stay.has(name))
      .flatMap((part) => [...part.weights])
    const { tensors } = this.#checkpoint
    return planQuantisation(this.#config, tensors.values(), this.#options, new Set(keep))
  }

  async #measure(
    quantised: Parameters<typeof measureInThread>[0]['quantised'],
    parts: 'encoder' | 'all',
  ): Promise<Measured> {
    const threads = availableParallelism()
    const task = { before: this.#directory, quantised, parts, threads }
    return await measureInThread(task, this.#options.signal)
  }

  /** The tensors of a file of weights under the names that they have in it. */
  #tensorsOf(path: string): TensorToWrite[] {
    const { files, tensors } = this.#checkpoint
    const file = files.find(({ name }) => name === path)!
    const read = new Set<StoredTensor>(bindModel(this.#config, tensors.values()).values())
    const folder = dirname(path) === '.' ? '' : `${dirname(path)}.`
    return [...tensors.values()]
      .filter((tensor) => tensor.path === file.path)
      .map((tensor) => {
        const planned = this.#plan.get(tensor)
        const place = planned?.form.kind === 'groups' && this.#factors.get(planned.weight)
        return {
          tensor,
          name: tensor.name.slice(folder.length),
          form: planned?.form,
          isUnused: !read.has(tensor),
          ...(place && { factors: { ...place, path: this.#factorFile } }),
        }
      })
  }

  async #writeIndex(path: string, target: string): Promise<WrittenFile> {
    const folder = dirname(path)
    const own = this.#checkpoint.files.filter(({ name }) => dirname(name) === folder)
    const places = own.flatMap(({ name }) =>
      this.#tensorsOf(name).flatMap((tensor) =>
        storedNames(tensor).map((stored) => [stored, basename(name)] as const),
      ),
    )
    const text = `${JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(places) }, undefined, 1)}\n`
    await rm(target, { force: true })
    await writeFile(target, text, { flush: true })
    return {
      bytes: Buffer.byteLength(text),
      sha256: createHash('sha256').update(text).digest('hex'),
    }
  }

  #describeParts(): Quantization['parts'] {
    const planned = [...this.#plan.values()]
    const decoder = planned.filter(({ isDecoder }) => isDecoder)
    const towers = this.#parts.map(({ name, weights }): Quantization['parts'][number] => {
      const reason = this.#kept.get(name)
      const tensors = planned.filter(({ weight, isDecoder }) => !isDecoder && weights.has(weight))
      return {
        name,
        form: tensors.length === 0 ? 'none' : 'rows',
        tensors: tensors.length,
        ...(reason !== undefined && { reason }),
      }
    })
    if (!this.#config.graphs.decoder) return towers
    const hasGroups = decoder.some(({ form }) => form.kind === 'groups')
    const form = hasGroups ? 'groups' : (decoder[0]?.form.kind ?? 'none')
    return [{ name: 'decoder', form, tensors: decoder.length }, ...towers]
  }
}
