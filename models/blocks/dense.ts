/** The layers that every block is made of, with their weights under the checkpoint's names. */
import type { GraphBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'

/** `prefix.weight` [out, in] and, unless switched off, `prefix.bias`: x [..., in] → [..., out]. */
export function dense(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  out: number,
  options: { bias?: boolean } = {},
): Value {
  const weight = g.weight(`${prefix}.weight`, [out, widthOf(x)])
  return options.bias === false
    ? g.linear(x, weight)
    : g.linear(x, weight, g.weight(`${prefix}.bias`, [out]))
}

/** One part of a linear layer whose rows are several of these `widths`, one after the other. */
export function denseRows(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  widths: readonly number[],
  part: number,
  { bias = false }: { readonly bias?: boolean } = {},
): Value {
  const start = widths.slice(0, part).reduce((sum, width) => sum + width, 0)
  const end = start + widths[part]!
  const all = widths.reduce((sum, width) => sum + width, 0)
  // Of the weight, not of the product: it is done once, while loading, and shares nothing that is not wanted.
  const weight = g.slice(g.weight(`${prefix}.weight`, [all, widthOf(x)]), 0, start, end)
  return bias
    ? g.linear(x, weight, g.slice(g.weight(`${prefix}.bias`, [all]), 0, start, end))
    : g.linear(x, weight)
}

/** `prefix.weight` and `prefix.bias` over the last axis of x. */
export function layerNorm(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  epsilon: number,
  weightOffset: 0 | 1 = 0,
): Value {
  const [weight, bias] = ['weight', 'bias'].map((name) =>
    g.weight(`${prefix}.${name}`, [widthOf(x)]),
  )
  return g.layerNorm(x, weight!, bias!, epsilon, weightOffset)
}

/** `prefix.weight` over the last axis of x. */
export function rmsNorm(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  epsilon: number,
  weightOffset: 0 | 1 = 0,
): Value {
  return g.rmsNorm(x, g.weight(`${prefix}.weight`, [widthOf(x)]), epsilon, weightOffset)
}

/** A convolution whose stride is its kernel: x [n, c, h, w] → [n, out, h/size, w/size]. */
export function patchConv(
  g: GraphBuilder,
  x: Value,
  prefix: string,
  out: number,
  size: number,
  options: { bias?: boolean } = {},
): Value {
  const channels = x.shape[1] as number
  return g.conv2d(
    x,
    g.weight(`${prefix}.weight`, [out, channels, size, size]),
    options.bias === false ? undefined : g.weight(`${prefix}.bias`, [out]),
    { stride: size, padding: 0, groups: 1 },
  )
}

/** x [n, c, h, w] → [n, h, w, c]. */
export function channelsLast(g: GraphBuilder, x: Value): Value {
  return g.transpose(x, [0, 2, 3, 1])
}

/** x [n, h, w, c] → [n, c, h, w]. */
export function channelsFirst(g: GraphBuilder, x: Value): Value {
  return g.transpose(x, [0, 3, 1, 2])
}

/** The width of x's last axis, which is always a number in our graphs. */
export function widthOf(x: Value): number {
  const width = x.shape[x.shape.length - 1]
  if (typeof width !== 'number')
    throw new Error(`the last axis of [${x.shape.join(', ')}] is not a number`)
  return width
}
