/** Which weights of a model are quantised, and how. */

import { delicateWeights, linearWeights } from '../../models/graph/linear-weights.ts'
import type { ModelConfig } from '../../models/load-config.ts'
import { bindModel, graphsOf } from '../engine/backends/model-files.ts'
import { graphName } from '../weights/bind-weights.ts'
import type { StoredTensor } from '../weights/checkpoint.ts'
import type { Method, QuantiseOptions } from './methods.ts'
import type { QuantisedForm } from './quantise-rows.ts'

/** Where a width is no multiple of the group that was asked for; the runtimes take no smaller ones. */
const SMALLER_GROUPS = [64, 32, 16] as const
/** Graphs whose quantised form is measured; those of the others stay as they are. */
const TOWER_GRAPHS: ReadonlySet<string> = new Set(['encoder', 'projector'])

export interface PlannedWeight {
  /** Its name in the graphs. */
  readonly weight: string
  readonly form: QuantisedForm
  /** Whether it is the decoder's; else it is a tower's or the projector's. */
  readonly isDecoder: boolean
}

/** Checkpoint tensor → its form; tensors that stay as they are are missing. */
export type QuantisationPlan = ReadonlyMap<StoredTensor, PlannedWeight>

/**
 * Everything that could be quantised: weights of the decoder, the towers and the projector that are only ever multiplied with,
 * and the embedding. `keep` are graph names of tower weights that stay.
 */
export function planQuantisation(
  config: ModelConfig,
  tensors: Iterable<StoredTensor>,
  options: Pick<QuantiseOptions, 'method' | 'group'>,
  keep: ReadonlySet<string> = new Set(),
): QuantisationPlan {
  const bound = bindModel(config, tensors)
  const { family, graphs } = config
  const embedding =
    family.embeddingName === undefined
      ? undefined
      : graphName(family.embeddingName, family.weightNames)
  const head = headOf(config)
  const forms = new Map<string, PlannedWeight>()
  const readOtherwise = new Set<string>()
  for (const [part, graph] of graphsOf(graphs)) {
    const linear = linearWeights(graph)
    const isDecoder = part === 'decoder'
    const delicate = isDecoder ? delicateWeights(graph) : undefined
    for (const weight of graph.weights) {
      const { name, shape } = weight
      if (!linear.has(weight)) {
        readOtherwise.add(name)
        continue
      }
      // Only the tensors of the decoder and the towers are measured.
      if (!isDecoder && !TOWER_GRAPHS.has(part)) continue
      const isDelicate = name === embedding || name === head || delicate?.has(weight)
      const form = isDecoder
        ? decoderForm(shape[1]!, bitsOf(options.method, isDelicate), options.group)
        : ({ kind: 'rows' } as const)
      forms.set(name, { weight: name, form, isDecoder })
    }
  }
  // A table that is looked up and multiplies nothing: a step reads a row of it.
  if (embedding !== undefined && !forms.has(embedding)) {
    const form = decoderForm(config.limits.hiddenSize, 8, options.group)
    forms.set(embedding, { weight: embedding, form, isDecoder: true })
  }
  return new Map(
    [...bound].flatMap(([name, tensor]) => {
      const planned = forms.get(name)
      const stays = !planned || readOtherwise.has(name) || keep.has(name)
      return stays ? [] : [[tensor, planned] as const]
    }),
  )
}

function bitsOf(method: Method, isDelicate = false): 4 | 8 {
  return method === 'int4-pure' || (method === 'int4' && !isDelicate) ? 4 : 8
}

function decoderForm(width: number, bits: 4 | 8, group: number): QuantisedForm {
  const fitting = [group, ...SMALLER_GROUPS.filter((size) => size < group)].find(
    (size) => width % size === 0,
  )
  // Of published decoders none is that narrow or odd.
  if (fitting === undefined) return { kind: 'rows' }
  return { kind: 'groups', bits, group: fitting, hasZeroPoints: bits === 4 }
}

/** Graph name of the weight that makes the logits. */
function headOf({ graphs }: ModelConfig): string | undefined {
  const { decoder } = graphs
  const logits = decoder?.outputs.find(({ name }) => name === 'logits')?.value
  const [, head] = decoder?.nodes.find(({ output }) => output === logits)?.inputs ?? []
  return decoder?.weights.find((weight) => weight === head)?.name
}
