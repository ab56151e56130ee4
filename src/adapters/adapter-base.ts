/** What of a model adapters may change, and how it spells the names of it. */

import type { FamilyGraphs } from '../../models/family.ts'
import { type AdaptableLinear, adaptableLinears } from '../../models/graph/adaptable.ts'
import type { Graph } from '../../models/graph/graph.ts'
import type { ModelConfig } from '../../models/load-config.ts'
import { AerieError } from '../errors.ts'
import { graphName, type WeightNames } from '../weights/bind-weights.ts'

export interface AdapterBase {
  /** By name of the weight in the decoder's graph. */
  readonly linears: ReadonlyMap<string, readonly AdaptableLinear[]>
  /** Weights of towers and projectors. */
  readonly towerWeights: ReadonlySet<string>
  readonly weightNames: WeightNames
}

/** Throws `unsupported_parameter` for a model without a decoder. */
export function adapterBase({
  graphs,
  family,
}: Pick<ModelConfig, 'graphs' | 'family'>): AdapterBase {
  const { decoder, merging, ...others } = graphs
  if (!decoder) {
    const what = `adapters: a ${family.modelType} checkpoint has no decoder, and only decoders take adapters`
    throw new AerieError('invalid_config', what)
  }
  const linears = new Map<string, AdaptableLinear[]>()
  for (const linear of adaptableLinears(decoder)) {
    const known = linears.get(linear.weight.name)
    if (known) known.push(linear)
    else linears.set(linear.weight.name, [linear])
  }
  const towers = [...graphsIn(others), ...(merging ? [merging.projector] : [])]
  return {
    linears,
    towerWeights: new Set(towers.flatMap(({ weights }) => weights.map(({ name }) => name))),
    weightNames: family.weightNames,
  }
}

function graphsIn(graphs: Omit<FamilyGraphs, 'decoder' | 'merging'>): Graph[] {
  return Object.values(graphs).filter((graph) => graph !== undefined)
}

/** What PEFT puts in front of the name of every module. */
const PEFT_PREFIX = 'base_model.model.'
/**
 * What stands in front of the language model's own names, as the code that trains nests it: transformers has moved it more than
 * once, and a checkpoint's tensors are not renamed for that.
 */
const WRAPPERS = ['', 'language_model.', 'llm.', 'model.', 'model.language_model.', 'model.llm.']
const INNER = ['', 'model.']

/** A module's name in the model that was trained. */
export function moduleName(tensorModule: string): string {
  return tensorModule.startsWith(PEFT_PREFIX)
    ? tensorModule.slice(PEFT_PREFIX.length)
    : tensorModule
}

/** Names that the weight of a module may have in the graphs, likeliest first. */
export function weightNamesOf(module: string, { weightNames }: AdapterBase): string[] {
  return WRAPPERS.filter((wrapper) => module.startsWith(wrapper)).flatMap((wrapper) =>
    INNER.map((inner) => graphName(`${inner}${module.slice(wrapper.length)}.weight`, weightNames)),
  )
}
