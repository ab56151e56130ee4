/** Towers and connector of Eagle 2 for checking: every stage that the cases record, also of a tower that is not run to its end. */
import type { Graph } from '../../models/graph/graph.ts'
import { resolveShape } from '../../models/graph/shape.ts'
import type { ModelConfig } from '../../models/load-config.ts'
import { runEncoderStages } from '../engine/backends/graph-stages.ts'
import type { ModelFiles } from '../engine/backends/model-files.ts'
import { bindWeights, graphName } from '../weights/bind-weights.ts'
import type { ComputedTensor } from './compare.ts'

/** What both generations' configs have. */
interface TowerConfig {
  readonly state: { readonly layers: number; readonly isNormed: boolean }
}

export class Eagle2Encoder {
  readonly #files: ModelFiles
  readonly #model: ModelConfig
  readonly #backend: string

  constructor(files: ModelFiles, model: ModelConfig, backend: string) {
    this.#files = files
    this.#model = model
    this.#backend = backend
  }

  /** Stages and outputs of the served graph, by name. */
  async run(pixels: Float32Array): Promise<ReadonlyMap<string, ComputedTensor>> {
    return await this.#stages(this.#files, pixels)
  }

  /** Whether the selected state is what leaves the tower behind its last layer and norm. */
  get selectsLast(): boolean {
    return (this.#model.config as TowerConfig).state.isNormed
  }

  /** What leaves the tower behind its last layer and norm, where the model selects another state. */
  async lastState(pixels: Float32Array): Promise<ComputedTensor> {
    const { family, config } = this.#model
    const { tower, siglip } = config as {
      readonly tower?: { readonly layers: number }
      readonly siglip?: { readonly config: { readonly layers: number } }
    }
    const { layers } = (tower ?? siglip?.config)!
    const whole = { ...(config as TowerConfig), state: { layers, isNormed: true } }
    const { encoder } = family.graphs(whole)
    const wanted = new Set(encoder!.weights.map(({ name }) => name))
    const stored = [...this.#files.checkpoint.tensors.values()].filter(({ name }) =>
      wanted.has(graphName(name, family.weightNames)),
    )
    const tensors = bindWeights(encoder!.weights, stored, family.weightNames)
    const graphs = { ...this.#files.graphs, encoder: encoder! }
    return (await this.#stages({ ...this.#files, graphs, tensors }, pixels)).get('siglip.selected')!
  }

  async #stages(
    files: ModelFiles,
    pixels: Float32Array,
  ): Promise<ReadonlyMap<string, ComputedTensor>> {
    const graph: Graph = files.graphs.encoder!
    const [, ...tile] = graph.inputs[0]!.value.shape as [string, number, number, number]
    const tiles = pixels.length / tile.reduce((size, side) => size * side, 1)
    const values = await runEncoderStages(files, this.#backend, pixels)
    const dims = new Map([['tiles', tiles]])
    return new Map(
      [...graph.stages, ...graph.outputs].map(({ name, value }) => [
        name,
        { shape: resolveShape(value.shape, dims), values: values.get(name)! },
      ]),
    )
  }
}
