/** Gives every initialiser of a model's graphs its one tensor of the checkpoint. */
import { AerieError } from '../errors.ts'
import type { StoredTensor } from './checkpoint.ts'

/** What binding needs to know of a graph's initialiser. */
export interface Initialiser {
  readonly name: string
  readonly shape: readonly number[]
  /** Set when the tensor may be absent; the other names that it may have. */
  readonly derived?: { readonly copies: readonly string[] }
}

/** Checkpoint name prefix → graph name prefix; the first match wins. */
export type WeightNames = readonly (readonly [checkpoint: string, graph: string])[]

/** At most this many names are listed in an error. */
const LISTED = 8

/**
 * Graph name → tensor; a derived initialiser may be missing. Throws `invalid_package` with the names when another has no
 * tensor, two tensors or one of another shape, and when a tensor is left over whose graph name does not begin with one of
 * `ignored`.
 */
export function bindWeights(
  initialisers: Iterable<Initialiser>,
  tensors: Iterable<StoredTensor>,
  names: WeightNames,
  ignored: readonly string[] = [],
): Map<string, StoredTensor> {
  const sources = new Map<string, StoredTensor>()
  const problems: string[] = []
  for (const tensor of tensors) {
    const name = graphName(tensor.name, names)
    if (ignored.some((prefix) => name.startsWith(prefix))) continue
    const other = sources.get(name)
    if (other) problems.push(`${other.name} and ${tensor.name} both stand for ${name}`)
    sources.set(name, tensor)
  }
  const bound = new Map<string, StoredTensor>()
  const used = new Set<StoredTensor>()
  for (const { name, shape, derived } of initialisers) {
    const all = [name, ...(derived?.copies ?? [])].flatMap((copy) => sources.get(copy) ?? [])
    if (all.length === 0 && !derived) problems.push(`no tensor for ${name}`)
    for (const tensor of all) {
      used.add(tensor)
      if (tensor.shape.join() !== shape.join()) {
        problems.push(
          `${tensor.name} is [${tensor.shape.join(', ')}], expected [${shape.join(', ')}]`,
        )
      } else if (!bound.has(name)) bound.set(name, tensor)
    }
  }
  for (const tensor of sources.values()) {
    if (!used.has(tensor)) problems.push(`${tensor.name} is used by nothing`)
  }
  if (problems.length > 0) {
    const rest = problems.length > LISTED ? `, and ${problems.length - LISTED} more` : ''
    throw new AerieError(
      'invalid_package',
      `checkpoint: ${problems.slice(0, LISTED).join('; ')}${rest}`,
    )
  }
  return bound
}

/** A tensor's name in the graphs. */
export function graphName(name: string, names: WeightNames): string {
  for (const [from, to] of names) if (name.startsWith(from)) return to + name.slice(from.length)
  return name
}
