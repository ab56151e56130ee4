/** Gives every tensor of an adapter its linear of the decoder, or says why it has none. */
import type { AdaptableLinear } from '../../models/graph/adaptable.ts'
import { AerieError } from '../errors.ts'
import type { StoredTensor } from '../weights/checkpoint.ts'
import { type AdapterBase, moduleName, weightNamesOf } from './adapter-base.ts'
import type { AdapterConfig } from './adapter-config.ts'
import type { AdapterType } from './contract.ts'

export interface BoundPair {
  /** As the model that was trained calls it. */
  readonly module: string
  readonly linears: readonly AdaptableLinear[]
  readonly rank: number
  readonly scale: number
  readonly down: AdapterTensor
  readonly up: AdapterTensor
}

type AdapterTensor = StoredTensor & { readonly type: AdapterType }

const TYPES: Readonly<Record<string, AdapterType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' }
/** `….lora_A.weight`, or with the adapter's name as a state that was not taken through `save_pretrained` has it. */
const MATRIX = /^(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/
/** At most this many problems are listed in an error. */
const LISTED = 4

interface Found {
  down?: AdapterTensor
  up?: AdapterTensor
}

/**
 * Pairs in the order of the tensors. Throws `invalid_package` with the names for matrices without their other half, of other shape
 * than the weight, of a rank that the config does not say or above `maxRank`, and for whatever is not a linear of the decoder.
 */
export function bindAdapter(
  config: AdapterConfig,
  tensors: Iterable<StoredTensor>,
  base: AdapterBase,
  maxRank: number,
): BoundPair[] {
  const problems: string[] = []
  const modules = modulesOf(tensors, problems)
  const owners = new Map<string, string>()
  const pairs: BoundPair[] = []
  for (const [module, found] of modules) {
    const pair = bindModule(module, found, { config, base, maxRank, owners, problems })
    if (pair) pairs.push(pair)
  }
  if (problems.length > 0) {
    const rest = problems.length > LISTED ? `, and ${problems.length - LISTED} more` : ''
    throw invalid(problems.slice(0, LISTED).join('; ') + rest)
  }
  if (pairs.length === 0) throw invalid('there are no tensors lora_A and lora_B')
  return pairs
}

interface Binding {
  readonly config: AdapterConfig
  readonly base: AdapterBase
  readonly maxRank: number
  /** Weight → module that changes it. */
  readonly owners: Map<string, string>
  readonly problems: string[]
}

function bindModule(
  module: string,
  { down, up }: Found,
  { config, base, maxRank, owners, problems }: Binding,
): BoundPair | undefined {
  const refuse = (why: string): undefined => {
    problems.push(`${module}: ${why}`)
  }
  if (!down || !up) return refuse(`lora_${down ? 'B' : 'A'} is missing`)
  const names = weightNamesOf(module, base)
  const name = names.find((candidate) => base.linears.has(candidate))
  if (name === undefined) return refuse(whyNot(module, names, base))
  const owner = owners.get(name)
  if (owner !== undefined) return refuse(`stands for ${name}, as ${owner} does`)
  owners.set(name, module)
  const stray = config.strayReason(module)
  if (stray !== undefined) return refuse(`there are matrices, but ${stray}`)
  const linears = base.linears.get(name)!
  const [out, width] = linears[0]!.weight.shape as [number, number]
  const rank = config.rankOf(module)
  if (rank > maxRank)
    return refuse(`has rank ${rank}, at most ${maxRank} are served (maxAdapterRank)`)
  for (const [tensor, rows, columns] of [
    [down, rank, width],
    [up, out, rank],
  ] as const) {
    if (tensor.shape.join() === `${rows},${columns}`) continue
    const which = tensor === down ? 'lora_A' : 'lora_B'
    return refuse(
      `${which} is [${tensor.shape.join(', ')}], expected [${rows}, ${columns}] for a weight [${out}, ${width}] at rank ${rank}`,
    )
  }
  return { module, linears, rank, scale: config.scaleOf(module), down, up }
}

function whyNot(module: string, names: readonly string[], base: AdapterBase): string {
  if (/(?:^|\.)(?:lm_head|embed_tokens|embed_out|wte)$/.test(module))
    return 'adapters of the token embedding and of the head are not served'
  if (names.some((candidate) => base.towerWeights.has(candidate)))
    return 'is part of a tower or projector; only adapters of the decoder are served'
  return "is no linear of this model's decoder"
}

/** Module → its two matrices, in the order of the file. */
function modulesOf(tensors: Iterable<StoredTensor>, problems: string[]): Map<string, Found> {
  const modules = new Map<string, Found>()
  const adapters = new Set<string>()
  for (const tensor of tensors) {
    const matrix = matrixOf(tensor.name)
    if (!matrix) {
      problems.push(`${tensor.name} is ${kindOf(tensor.name)}`)
      continue
    }
    const { module, half } = matrix
    adapters.add(matrix.adapter)
    const type = tensor.quantisation ? undefined : TYPES[tensor.dtype]
    if (!type) {
      problems.push(`${tensor.name} is of type ${tensor.dtype}, expected F32, F16 or BF16`)
      continue
    }
    const found = modules.get(module) ?? {}
    modules.set(module, found)
    const side = half === 'A' ? 'down' : 'up'
    if (found[side]) problems.push(`${module}: there are two matrices lora_${half}`)
    found[side] = { ...tensor, type }
  }
  if (adapters.size > 1)
    problems.push(
      `tensors of ${adapters.size} adapters in one file: ${[...adapters].slice(0, 4).join(', ')}`,
    )
  return modules
}

/** Which matrix of which module a tensor is, as the model that was trained calls it; undefined for anything else. */
export function matrixOf(
  name: string,
): { readonly module: string; readonly half: 'A' | 'B'; readonly adapter: string } | undefined {
  const match = MATRIX.exec(name)
  if (!match) return undefined
  const [, path, half, adapter = ''] = match as unknown as [string, string, 'A' | 'B', string?]
  return { module: moduleName(path), half, adapter }
}

function kindOf(name: string): string {
  if (name.includes('lora_magnitude_vector')) return 'the magnitude of DoRA, which is not served'
  if (name.includes('lora_embedding_'))
    return 'part of an adapter of the embedding, which is not served'
  if (name.includes('modules_to_save'))
    return 'a whole module beside the adapter, which is not loaded'
  if (/\.lora_[AB](?:\.[^.]+)?\.bias$|\.bias$/.test(name)) return 'a bias, which is not added'
  return 'neither lora_A nor lora_B of a module'
}

function invalid(message: string): AerieError {
  return new AerieError('invalid_package', message)
}
