/** Dimensions and shapes: numbers, names, and products of both. */

/**
 * One extent of a tensor: a number, a name that a run gives a value (`'batch'`, `'tiles'`), or a
 * product of names, `'batch*steps'`, with an optional number in front, `'4*tiles'`.
 */
export type Dim = number | string
export type Shape = readonly Dim[]

interface Product {
  readonly factor: number
  readonly names: readonly string[]
}

function parseDim(dim: Dim): Product {
  if (typeof dim === 'number') return { factor: dim, names: [] }
  let factor = 1
  const names: string[] = []
  for (const part of dim.split('*')) {
    if (/^\d+$/.test(part)) factor *= Number(part)
    else names.push(part)
  }
  return { factor, names: names.sort() }
}

/** The product of dimensions in its one normal form. */
export function productOf(dims: Shape): Dim {
  const parts = dims.map(parseDim)
  const factor = parts.reduce((product, part) => product * part.factor, 1)
  const names = parts.flatMap((part) => part.names).sort()
  if (names.length === 0 || factor === 0) return factor
  return (factor === 1 ? names : [factor, ...names]).join('*')
}

/** Value of a dimension under a binding of names; throws on an unbound name. */
export function resolveDim(dim: Dim, bindings: ReadonlyMap<string, number>): number {
  const { factor, names } = parseDim(dim)
  return names.reduce((product, name) => {
    const value = bindings.get(name)
    if (value === undefined) throw new Error(`dimension "${name}" has no value`)
    return product * value
  }, factor)
}

export function resolveShape(shape: Shape, bindings: ReadonlyMap<string, number>): number[] {
  return shape.map((dim) => resolveDim(dim, bindings))
}

/** Shape of an element-wise result (NumPy's rule); undefined when the two do not fit. */
export function broadcast(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length)
  const result: Dim[] = []
  for (let i = 1; i <= rank; i++) {
    const x = a[a.length - i] ?? 1
    const y = b[b.length - i] ?? 1
    if (x !== y && x !== 1 && y !== 1) return undefined
    result.unshift(x === 1 ? y : x)
  }
  return result
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i])
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}
