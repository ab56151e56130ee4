/** Builds graphs; every shape is checked where it is written down. */
import type { Value, Weight } from './graph.ts'
import { GraphParts } from './graph-parts.ts'
import type {
  CausalConvAttributes,
  KvAttentionAttributes,
  NormAttributes,
  OpAttributes,
  OpName,
  RecurrentAttributes,
  RelativeAttentionAttributes,
  RopeAttributes,
} from './ops.ts'
import type { Dim, Shape } from './shape.ts'
import { broadcast, productOf, sameShape } from './shape.ts'
import {
  concatShape,
  conv2dShape,
  fitsCausalConv,
  fitsGroupNorm,
  fitsKvAttention,
  fitsRelativeAttention,
  fitsSelectiveScan,
} from './shape-rules.ts'

/**
 * Methods append one operation and return its result; a shape that does not fit throws an Error
 * that names the operation and the shapes.
 */
export class GraphBuilder extends GraphParts {
  linear(x: Value, weight: Value, bias?: Value): Value {
    const [out, width] = weight.shape
    if (weight.shape.length !== 2 || out === undefined || last(x.shape) !== width)
      this.fail('linear', 'x and weight [out, in] are', x.shape, weight.shape)
    if (bias && !sameShape(bias.shape, [out]))
      this.fail('linear', 'weight and bias are', weight.shape, bias.shape)
    const shape = [...x.shape.slice(0, -1), out]
    return this.append('linear', bias ? [x, weight, bias] : [x, weight], {}, shape)
  }

  layerNorm(
    x: Value,
    weight: Value,
    bias: Value,
    epsilon: number,
    weightOffset: NormAttributes['weightOffset'] = 0,
  ): Value {
    for (const parameter of [weight, bias]) this.#expectVector('layerNorm', x, parameter)
    return this.append('layerNorm', [x, weight, bias], { epsilon, weightOffset }, x.shape)
  }

  rmsNorm(
    x: Value,
    weight: Value,
    epsilon: number,
    weightOffset: NormAttributes['weightOffset'] = 0,
  ): Value {
    this.#expectVector('rmsNorm', x, weight)
    return this.append('rmsNorm', [x, weight], { epsilon, weightOffset }, x.shape)
  }

  groupNorm(x: Value, weight: Value, bias: Value, attributes: OpAttributes['groupNorm']): Value {
    if (!fitsGroupNorm([x.shape, weight.shape, bias.shape], attributes.groups)) {
      const what = 'x, weight, bias and [groups] are'
      this.fail('groupNorm', what, x.shape, weight.shape, bias.shape, [attributes.groups])
    }
    return this.append('groupNorm', [x, weight, bias], attributes, x.shape)
  }

  rope(
    x: Value,
    positions: Value,
    { magnitude = 1, ...rest }: Omit<RopeAttributes, 'magnitude'> & { magnitude?: number },
  ): Value {
    const attributes: RopeAttributes = { ...rest, magnitude }
    const { heads, headDim, inverseFrequencies } = attributes
    const rotated = 2 * inverseFrequencies.length
    if (x.shape.length !== 3 || x.shape[2] !== heads * headDim || rotated > headDim) {
      const what = 'x and [heads, headDim, rotated] are'
      this.fail('rope', what, x.shape, [heads, headDim, rotated])
    }
    if (!sameShape(positions.shape, x.shape.slice(0, 2)))
      this.fail('rope', 'x and positions are', x.shape, positions.shape)
    return this.append('rope', [x, positions], attributes, x.shape)
  }

  ropeTable(x: Value, cos: Value, sin: Value, heads: number): Value {
    const [, tokens, width] = x.shape
    const table = [tokens!, typeof width === 'number' ? width / heads : 0]
    if (x.shape.length !== 3 || [cos, sin].some(({ shape }) => !sameShape(shape, table)))
      this.fail('ropeTable', 'x, cos, sin and [heads] are', x.shape, cos.shape, sin.shape, [heads])
    return this.append('ropeTable', [x, cos, sin], { heads }, x.shape)
  }

  /** Scores are scaled by headDim^−½ unless `scale` says otherwise. */
  attention(
    q: Value,
    k: Value,
    v: Value,
    heads: number,
    { scale, causal = false }: { readonly scale?: number; readonly causal?: boolean } = {},
  ): Value {
    const width = last(q.shape)
    if (q.shape.length !== 3 || typeof width !== 'number' || width % heads !== 0)
      this.fail('attention', 'q and [heads] are', q.shape, [heads])
    if (last(k.shape) !== width || !sameShape(k.shape, v.shape) || k.shape[0] !== q.shape[0])
      this.fail('attention', 'q, k and v are', q.shape, k.shape, v.shape)
    if (causal && k.shape[1] !== q.shape[1])
      this.fail('attention', 'causal q and k are', q.shape, k.shape)
    const attributes = {
      ...{ heads, scale: scale ?? (width / heads) ** -0.5 },
      ...(causal && { causal: true as const }),
    }
    return this.append('attention', [q, k, v], attributes, q.shape)
  }

  relativeAttention(
    inputs: { q: Value; k: Value; v: Value; rows: Value; columns: Value },
    attributes: RelativeAttentionAttributes,
  ): Value {
    const values = [inputs.q, inputs.k, inputs.v, inputs.rows, inputs.columns]
    const shapes = values.map(({ shape }) => shape)
    const { heads, height, width } = attributes
    if (!fitsRelativeAttention(shapes, attributes)) {
      const what = 'q, k, v, rows, columns and [heads, height, width] are'
      this.fail('relativeAttention', what, ...shapes, [heads, height, width])
    }
    return this.append('relativeAttention', values, attributes, inputs.q.shape)
  }

  kvAttention(
    q: Value,
    k: Value,
    v: Value,
    positions: Value,
    attributes: KvAttentionAttributes,
    sinks?: Value,
  ): Value {
    const { heads, kvHeads, headDim } = attributes
    if (sinks && !sameShape(sinks.shape, [heads]))
      this.fail('kvAttention', 'sinks and [heads] are', sinks.shape, [heads])
    const shapes = [q.shape, k.shape, v.shape, positions.shape]
    if (!fitsKvAttention(shapes, attributes)) {
      const geometry = [heads, kvHeads, headDim]
      const what = 'q, k, v, positions and [heads, kvHeads, headDim] are'
      this.fail('kvAttention', what, ...shapes, geometry)
    }
    const inputs = [q, k, v, positions, ...(sinks ? [sinks] : [])]
    return this.append('kvAttention', inputs, attributes, q.shape)
  }

  causalConv1d(
    x: Value,
    weight: Value,
    bias: Value | undefined,
    attributes: CausalConvAttributes,
  ): Value {
    const inputs = bias ? [x, weight, bias] : [x, weight]
    const shapes = inputs.map(({ shape }) => shape)
    if (!fitsCausalConv(shapes))
      this.fail(
        'causalConv1d',
        'x [batch, steps, channels], weight [kernel, channels] and bias are',
        ...shapes,
      )
    return this.append('causalConv1d', inputs, attributes, x.shape)
  }

  selectiveScan(
    inputs: { x: Value; dt: Value; a: Value; b: Value; c: Value; d: Value; z?: Value | undefined },
    attributes: RecurrentAttributes,
  ): Value {
    const { x, dt, a, b, c, d, z } = inputs
    const values = [x, dt, a, b, c, d, ...(z ? [z] : [])]
    const shapes = values.map(({ shape }) => shape)
    if (!fitsSelectiveScan(shapes))
      this.fail('selectiveScan', 'x, dt, a [state, channels], b, c, d and z are', ...shapes)
    return this.append('selectiveScan', values, attributes, x.shape)
  }

  silu(x: Value): Value {
    return this.append('silu', [x], {}, x.shape)
  }

  exp(x: Value): Value {
    return this.append('exp', [x], {}, x.shape)
  }

  relu(x: Value): Value {
    return this.append('relu', [x], {}, x.shape)
  }

  gelu(x: Value, form: OpAttributes['gelu']['form']): Value {
    return this.append('gelu', [x], { form }, x.shape)
  }

  standardize(x: Value, floor: number): Value {
    return this.append('standardize', [x], { floor }, x.shape)
  }

  softmax(x: Value): Value {
    return this.append('softmax', [x], {}, x.shape)
  }

  conv2d(
    x: Value,
    weight: Weight,
    bias: Value | undefined,
    attributes: OpAttributes['conv2d'],
  ): Value {
    const shape = conv2dShape(x.shape, weight.shape, attributes)
    if (!shape) {
      const what = 'x [n, c, h, w], weight [o, c/groups, kh, kw] and [groups] are'
      this.fail('conv2d', what, x.shape, weight.shape, [attributes.groups])
    }
    if (bias && !sameShape(bias.shape, [weight.shape[0]!]))
      this.fail('conv2d', 'weight and bias are', weight.shape, bias.shape)
    return this.append('conv2d', bias ? [x, weight, bias] : [x, weight], attributes, shape)
  }

  avgPool2d(x: Value, size: number): Value {
    const [n, channels, height, width] = this.#picture('avgPool2d', x)
    if (height % size !== 0 || width % size !== 0)
      this.fail('avgPool2d', 'x and [size] are', x.shape, [size])
    return this.append('avgPool2d', [x], { size }, [n, channels, height / size, width / size])
  }

  resizeBilinear(x: Value, height: number, width: number, { alignCorners = true } = {}): Value {
    const shape = this.#resized('resizeBilinear', x, height, width)
    return this.append('resizeBilinear', [x], { height, width, alignCorners }, shape)
  }

  resizeBicubic(x: Value, height: number, width: number): Value {
    const shape = this.#resized('resizeBicubic', x, height, width)
    return this.append('resizeBicubic', [x], { height, width }, shape)
  }

  resizeAntialias(x: Value, height: number, width: number): Value {
    const shape = this.#resized('resizeAntialias', x, height, width)
    return this.append('resizeAntialias', [x], { height, width }, shape)
  }

  constant(values: readonly number[], shape: readonly number[]): Value {
    if (productOf(shape) !== values.length)
      this.fail('constant', `${values.length} values in`, shape)
    return this.append('constant', [], { values }, shape)
  }

  add(a: Value, b: Value): Value {
    return this.append('add', [a, b], {}, this.#broadcast('add', a, b))
  }

  sub(a: Value, b: Value): Value {
    return this.append('sub', [a, b], {}, this.#broadcast('sub', a, b))
  }

  mul(a: Value, b: Value): Value {
    return this.append('mul', [a, b], {}, this.#broadcast('mul', a, b))
  }

  div(a: Value, b: Value): Value {
    return this.append('div', [a, b], {}, this.#broadcast('div', a, b))
  }

  concat(values: readonly Value[], axis: number): Value {
    const [first] = values
    if (!first) throw new Error(`graph ${this.name}: concat: nothing to join`)
    const shapes = values.map((value) => value.shape)
    const shape = concatShape(shapes, axis)
    if (!shape || values.some(({ type }) => type !== first.type))
      this.fail('concat', `along axis ${axis}`, ...shapes)
    return this.append('concat', values, { axis }, shape, first.type)
  }

  expand(x: Value, like: Value): Value {
    const [count] = like.shape
    if (x.shape[0] !== 1 || count === undefined)
      this.fail('expand', 'x [1, ...] and like are', x.shape, like.shape)
    return this.append('expand', [x, like], {}, x.shape.with(0, count))
  }

  padEnd(x: Value, axis: number, count: number): Value {
    const size = x.shape[axis]
    if (typeof size !== 'number' || count < 1)
      this.fail('padEnd', `${count} along axis ${axis} of`, x.shape)
    return this.append('padEnd', [x], { axis, count }, x.shape.with(axis, size + count))
  }

  slice(x: Value, axis: number, start: number, end: number): Value {
    const size = x.shape[axis]
    if (typeof size !== 'number' || start < 0 || end <= start || end > size)
      this.fail('slice', `${start}…${end} of axis ${axis} of`, x.shape)
    const shape = x.shape.with(axis, end - start)
    return this.append('slice', [x], { axis, start, end }, shape, x.type)
  }

  reshape(x: Value, shape: Shape): Value {
    if (productOf(x.shape) !== productOf(shape)) this.fail('reshape', 'from and to', x.shape, shape)
    return this.append('reshape', [x], {}, shape, x.type)
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    const sorted = permutation.toSorted((a, b) => a - b)
    if (!sameShape(sorted, [...x.shape.keys()]))
      this.fail('transpose', 'x and permutation are', x.shape, permutation)
    const shape = permutation.map((axis) => x.shape[axis]!)
    return this.append('transpose', [x], { permutation }, shape, x.type)
  }

  gather(
    table: Value,
    indices: Value,
    { batchDims }: OpAttributes['gather'] = { batchDims: 0 },
  ): Value {
    if (indices.type !== 'int32')
      this.fail('gather', `indices are ${indices.type}, not int32:`, indices.shape)
    if (!sameShape(table.shape.slice(0, batchDims), indices.shape.slice(0, batchDims)))
      this.fail('gather', 'batched table and indices are', table.shape, indices.shape)
    const shape = [...indices.shape, ...table.shape.slice(batchDims + 1)]
    return this.append('gather', [table, indices], { batchDims }, shape, table.type)
  }

  squaredDistances(x: Value, table: Value): Value {
    const [rows, width] = table.shape
    if (table.shape.length !== 2 || rows === undefined || last(x.shape) !== width)
      this.fail('squaredDistances', 'x and table [n, c] are', x.shape, table.shape)
    return this.append('squaredDistances', [x, table], {}, [...x.shape.slice(0, -1), rows])
  }

  argmin(x: Value): Value {
    if (x.shape.length === 0) this.fail('argmin', 'nothing to choose from in', x.shape)
    return this.append('argmin', [x], {}, x.shape.slice(0, -1), 'int32')
  }

  #expectVector(op: OpName, x: Value, parameter: Value): void {
    if (!sameShape(parameter.shape, x.shape.slice(-1)))
      this.fail(op, 'x and parameter are', x.shape, parameter.shape)
  }

  #broadcast(op: OpName, a: Value, b: Value): Shape {
    return broadcast(a.shape, b.shape) ?? this.fail(op, 'a and b are', a.shape, b.shape)
  }

  #resized(op: OpName, x: Value, height: number, width: number): Shape {
    const [n, channels] = this.#picture(op, x)
    return [n, channels, height, width]
  }

  #picture(op: OpName, x: Value): [Dim, Dim, number, number] {
    const [n, channels, height, width] = x.shape
    if (x.shape.length !== 4 || typeof height !== 'number' || typeof width !== 'number')
      this.fail(op, 'x is not [n, c, h, w] with fixed h and w but', x.shape)
    return [n!, channels!, height, width]
  }
}

function last(shape: Shape): Dim | undefined {
  return shape[shape.length - 1]
}
