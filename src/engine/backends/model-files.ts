/** A model folder or file opened for a backend: its graphs, and the tensor of every initialiser. */
import type { FamilyGraphs, ModelLimits } from '../../../models/family.ts'
import type { Graph } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import { bindWeights, graphName, type Initialiser } from '../../weights/bind-weights.ts'
import { openModelSource } from '../../weights/model-source.ts'
import type { Weights, WeightTensor } from '../../weights/weights.ts'

export interface ModelFiles {
  readonly graphs: FamilyGraphs
  readonly limits: ModelLimits
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
  const { family, config, graphs, limits, embeddingScale } = source.model
  const checkpoint = await source.openWeights()
  try {
    const { merging, ...whole } = graphs
    const parts: Graph[] = [...Object.values(whole), ...(merging ? [merging.projector] : [])]
    const initialisers = new Map<string, Initialiser>(
      parts.flatMap((graph) => graph.weights.map((weight) => [weight.name, weight])),
    )
    // Looked up outside the graphs, and part of them only where the head is tied to it.
    const { embeddingName } = family
    if (embeddingName !== undefined) {
      const { vocabSize, hiddenSize } = limits
      const embedding = graphName(embeddingName, family.weightNames)
      initialisers.set(embedding, { name: embedding, shape: [vocabSize, hiddenSize] })
    }
    const tensors = bindWeights(
      initialisers.values(),
      checkpoint.tensors.values(),
      family.weightNames,
      family.ignoredWeights?.(config),
    )
    return { graphs, limits, embeddingName, embeddingScale, checkpoint, tensors }
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

/** The decoder's graph of an opened model. Throws `invalid_package` for a tower that is published alone. */
export function decoderGraph({ graphs }: Pick<ModelFiles, 'graphs'>): Graph {
  if (!graphs.decoder) throw new AerieError('invalid_package', 'this model has no decoder')
  return graphs.decoder
}
