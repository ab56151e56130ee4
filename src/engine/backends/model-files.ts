/** A model folder or file opened for a backend: its graphs, and the tensor of every initialiser. */
import type {
  EmbeddingTower,
  FamilyGraphs,
  ModelLimits,
  SpeechModel,
} from '../../../models/family.ts'
import type { Graph } from '../../../models/graph/graph.ts'
import type { ModelConfig } from '../../../models/load-config.ts'
import { AerieError } from '../../errors.ts'
import { bindWeights, graphName, type Initialiser } from '../../weights/bind-weights.ts'
import { openModelSource } from '../../weights/model-source.ts'
import type { Weights, WeightTensor } from '../../weights/weights.ts'

export interface ModelFiles {
  readonly graphs: FamilyGraphs
  readonly limits: ModelLimits
  /** Undefined for models that answer. */
  readonly embeddingTower: EmbeddingTower | undefined
  /** Undefined for models that do not write down speech. */
  readonly speech: SpeechModel | undefined
  /** Undefined without a decoder. */
  readonly embeddingName: string | undefined
  readonly embeddingScale: number
  readonly checkpoint: Weights
  /** Initialiser name → tensor, for all graphs of the model. */
  readonly tensors: ReadonlyMap<string, WeightTensor>
}

/**
 * Opens and checks a whole model, whichever part is wanted. The caller closes the checkpoint.
 * Throws `invalid_package`.
 */
export async function openModelFiles(path: string): Promise<ModelFiles> {
  const source = await openModelSource(path)
  const { family, graphs, limits, embeddingTower, speech, embeddingScale } = source.model
  const { embeddingName } = family
  const checkpoint = await source.openWeights()
  try {
    const tensors = bindModel(source.model, checkpoint.tensors.values())
    return {
      ...{ graphs, limits, embeddingTower, speech, embeddingName, embeddingScale },
      ...{ checkpoint, tensors },
    }
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

/** Initialiser name → tensor, for all graphs of a model and its embedding table. Throws `invalid_package` as `bindWeights`. */
export function bindModel<T extends Initialiser>(
  model: ModelConfig,
  tensors: Iterable<T>,
): Map<string, T> {
  const { family, config } = model
  const initialisers = modelInitialisers(model).values()
  return bindWeights(initialisers, tensors, family.weightNames, family.ignoredWeights?.(config))
}

/** What all graphs of a model and its embedding table are to be filled with, by name. */
export function modelInitialisers({
  family,
  graphs,
  limits,
}: ModelConfig): Map<string, Initialiser> {
  const initialisers = new Map<string, Initialiser>(
    [...graphsOf(graphs).values()].flatMap((graph) =>
      graph.weights.map((weight) => [weight.name, weight]),
    ),
  )
  // Looked up outside the graphs, and part of them only where the head is tied to it.
  if (family.embeddingName !== undefined) {
    const { vocabSize, hiddenSize } = limits
    const embedding = graphName(family.embeddingName, family.weightNames)
    initialisers.set(embedding, { name: embedding, shape: [vocabSize, hiddenSize] })
  }
  return initialisers
}

/** The graphs of a model by name; that of a merging projector is `projector`. */
export function graphsOf({ merging, ...graphs }: FamilyGraphs): Map<string, Graph> {
  const named = Object.entries(graphs) as [string, Graph][]
  return new Map(merging ? [...named, ['projector', merging.projector]] : named)
}

/** The decoder's graph of an opened model. Throws `invalid_package` for a tower that is published alone. */
export function decoderGraph({ graphs }: Pick<ModelFiles, 'graphs'>): Graph {
  if (!graphs.decoder) throw new AerieError('invalid_package', 'this model has no decoder')
  return graphs.decoder
}
