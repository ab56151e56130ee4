/** Every operation that the lowering to native programs takes means the same behind it; the others it refuses by name. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GraphBuilder } from '../../../../models/graph/builder.ts'
import type { Graph, Value } from '../../../../models/graph/graph.ts'
import { nativeProgram } from '../../../../models/graph/native/lower.ts'
import { resolveShape } from '../../../../models/graph/shape.ts'
import { interpret } from '../../../../src/engine/backends/reference/interpreter.ts'
import { sizeOf, type Tensor, tensor } from '../../../../src/engine/backends/reference/tensor.ts'
import { DIMS, FAR, GRAPH_CASES, INTEGERS } from '../../../support/graph-cases.ts'
import { weightTensors } from '../../../support/native-weights.ts'
import { runProgram } from '../../../support/program-interpreter.ts'
import { assertClose } from '../../../support/relative-error.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

/** Reasons, by operation and case; `''` stands for all cases of an operation. */
const REFUSED: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  attention: { 'of what came before': /^attention of/ },
  groupNorm: { '': /^groupNorm of \[tiles, 6, 8, 8\]/ },
  relativeAttention: { '': /^relativeAttention of \[tiles, 15, 8\]/ },
  exp: { plain: /^exp of \[batch, steps, 12\]$/ },
  standardize: { '': /^standardize of \[tiles, 6, 8, 8\]/ },
  squaredDistances: { '': /^squaredDistances of/ },
  argmin: { '': /^argmin of/ },
  conv2d: {
    dense: /^conv2d of \[tiles, 6, 8, 8\] with kernel 3×3, stride 1, padding 0, 1 groups$/,
    'grouped, strided': /^conv2d of .* with kernel 3×3, stride 2, padding 1, 2 groups$/,
  },
  gather: {
    'rows of each batch element': /^gather of \[batch, 40, 2, 3\], \[batch, steps\]$/,
    'numbers of each batch element': /^gather of \[batch, 40\], \[batch, steps\]$/,
  },
}

describe('lowering to a native program', () => {
  for (const [op, cases] of Object.entries(GRAPH_CASES)) {
    for (const [what, build] of Object.entries(cases)) {
      const reason = REFUSED[op]?.[what] ?? REFUSED[op]?.['']
      it(`${reason ? 'refuses' : 'keeps the meaning of'} ${op}: ${what}`, () => {
        const g = new GraphBuilder(op)
        g.output('y', build(g))
        if (reason) assert.match(refusalOf(g.build()), reason)
        else compare(g.build())
      })
    }
  }
})

describe('fusing', () => {
  const x = (g: GraphBuilder) => g.input('x', ['rows', 8])
  const project = (g: GraphBuilder, from: Value, name: string, width = 6) =>
    g.linear(from, g.weight(name, [width, 8]), g.weight(`${name}.bias`, [width]))
  const cases: Record<string, { build: (g: GraphBuilder) => Value; code: string[] }> = {
    'an activation into the linear before it': {
      build: (g) => g.gelu(project(g, x(g), 'w'), 'tanh'),
      code: ['linear bias gelu_tanh'],
    },
    'a square behind relu': {
      build: (g) => {
        const positive = g.relu(project(g, x(g), 'w'))
        return g.mul(positive, positive)
      },
      code: ['linear bias relu2'],
    },
    'the gate of an MLP, which takes the other factor, and the residual': {
      build: (g) => {
        const from = x(g)
        const gate = g.silu(project(g, from, 'gate'))
        const inner = g.mul(gate, project(g, from, 'up'))
        return g.add(from, g.linear(inner, g.weight('down', [8, 6])))
      },
      code: ['linear bias', 'linear bias silu multiply', 'linear residual'],
    },
    'the same gate with its factors the other way round': {
      build: (g) => {
        const from = x(g)
        return g.mul(project(g, from, 'up'), g.silu(project(g, from, 'gate')))
      },
      code: ['linear bias', 'linear bias silu multiply'],
    },
    'no sum with itself': {
      build: (g) => {
        const y = project(g, x(g), 'w')
        return g.add(y, y)
      },
      code: ['linear bias', 'binary'],
    },
    'no activation behind a sum': {
      build: (g) => {
        const from = x(g)
        return g.silu(g.add(from, g.linear(from, g.weight('w', [8, 8]))))
      },
      code: ['linear residual', 'unary'],
    },
    'no vector along the rows': {
      build: (g) => g.mul(project(g, x(g), 'w'), g.weight('scale', [6])),
      code: ['linear bias', 'binary'],
    },
    'nothing that two others read': {
      build: (g) => {
        const y = project(g, x(g), 'w')
        return g.mul(g.silu(y), g.relu(y))
      },
      code: ['linear bias', 'unary', 'unary', 'binary'],
    },
    'a ConvNeXt block around its convolution, with nothing moved': {
      build: (g) => {
        const from = g.input('map', ['tiles', 5, 4, 6])
        const kernels = g.weight('kernels', [6, 1, 3, 3])
        const moved = g.transpose(from, [0, 3, 1, 2])
        const shape = { stride: 1, padding: 1, groups: 6 }
        const mixed = g.conv2d(moved, kernels, g.weight('offsets', [6]), shape)
        const back = g.transpose(mixed, [0, 2, 3, 1])
        return g.add(from, g.layerNorm(back, g.weight('n', [6]), g.weight('nb', [6]), 1e-6))
      },
      code: ['depthwiseConv2d', 'layerNorm', 'binary'],
    },
    'no stage away': {
      build: (g) => g.silu(g.stage('before', project(g, x(g), 'w'))),
      code: ['linear bias', 'unary'],
    },
    'two transposes into none, over a reshape': {
      build: (g) => {
        const moved = g.transpose(g.input('map', ['rows', 4, 3, 5]), [0, 3, 1, 2])
        return g.silu(g.transpose(g.reshape(moved, ['rows', 5, 12]), [0, 2, 1]))
      },
      code: ['unary'],
    },
  }
  for (const [what, { build, code }] of Object.entries(cases)) {
    it(`puts ${what}`, () => {
      const g = new GraphBuilder(what)
      g.output('y', build(g))
      assert.deepEqual(compare(g.build()), code)
    })
  }
})

describe('a native program', () => {
  it('makes what is computed of weights alone no part of its code', () => {
    const g = new GraphBuilder('places')
    const rows = g.reshape(g.weight('rows', [3, 4]), [3, 1, 4])
    const cells = g.reshape(g.add(rows, g.weight('columns', [5, 4])), [15, 4])
    g.output('y', g.add(g.input('x', ['tiles', 15, 4]), cells))
    assert.deepEqual(compare(g.build()), ['binary'])
  })

  it('reads rows of a stacked matrix as blocks of their own, once each', () => {
    const g = new GraphBuilder('stacked')
    const x = g.input('x', ['rows', 8])
    const part = (start: number, end: number) =>
      g.linear(x, g.slice(g.weight('qkv', [9, 8]), 0, start, end))
    g.output('y', g.concat([part(0, 4), part(4, 9), part(0, 4)], 1))
    const lowered = nativeProgram(g.build())
    assert.ok('program' in lowered)
    assert.deepEqual(
      lowered.program.weights.map(({ name, kind }) => `${kind} ${name}`),
      ['linear qkv[0:4]', 'linear qkv[4:9]'],
    )
  })

  it('brings a value to 8 bits once for all quantised linears that read it', () => {
    const g = new GraphBuilder('shared')
    const x = g.input('x', ['rows', 8])
    const [q, k, v] = ['q', 'k', 'v'].map((name) => g.linear(x, g.weight(name, [8, 8])))
    g.output('y', g.concat([q!, k!, v!, g.linear(x, g.weight('plain', [8, 8]))], 1))
    const groups = new Map([
      ['q', 4],
      ['k', 4],
      ['v', 0],
    ])
    const lowered = nativeProgram(g.build(), { groupOf: ({ name }) => groups.get(name) })
    assert.ok('program' in lowered)
    const { code, values } = lowered.program
    const made = code.flatMap(({ op, out }) => (op === 'quantise' ? [values[out]!.group] : []))
    assert.deepEqual(made, [4, 0])
  })

  it('leaves out what no wanted output needs', () => {
    const g = new GraphBuilder('two')
    const x = g.input('x', ['rows', 8])
    g.output('a', g.silu(x))
    g.output('b', g.linear(x, g.weight('w', [4, 8])))
    const lowered = nativeProgram(g.build(), { outputs: ['a'] })
    assert.ok('program' in lowered)
    assert.deepEqual(
      [lowered.program.code.map(({ op }) => op), lowered.program.weights],
      [['unary'], []],
    )
  })

  it('has outputs of its own memory: no input, no weight, nothing twice', () => {
    const g = new GraphBuilder('copies')
    const x = g.input('x', ['rows', 8])
    const y = g.silu(x)
    g.output('input', x)
    g.output('weight', g.weight('w', [3]))
    g.output('once', y)
    g.output('twice', g.reshape(y, ['rows', 2, 4]))
    assert.deepEqual(compare(g.build()), ['unary', 'copy', 'copy', 'copy'])
  })

  it('uses the memory of what is over again', () => {
    const g = new GraphBuilder('chain')
    let x = g.input('x', ['rows', 8])
    for (let i = 0; i < 20; i++) x = g.rmsNorm(x, g.weight(`w${i}`, [8]), 1e-5)
    g.output('y', g.add(x, g.silu(x)))
    const lowered = nativeProgram(g.build())
    assert.ok('program' in lowered)
    assert.equal(lowered.program.slots, 2)
    compare(g.build())
  })
})

function refusalOf(graph: Graph): string {
  const lowered = nativeProgram(graph)
  assert.ok('refusal' in lowered, 'it was lowered')
  return lowered.refusal
}

/** Runs a graph and its program on random values; the program's code in words. */
function compare(graph: Graph): string[] {
  const lowered = nativeProgram(graph, { stages: true })
  assert.ok('program' in lowered, 'refusal' in lowered ? lowered.refusal : '')
  const { program } = lowered
  const random = seededRandom(graph.name.length)
  const dims = new Map([...DIMS, ['rows', 3] as const])
  const inputs = graph.inputs.map(({ name, value }) => {
    const shape = resolveShape(value.shape, dims)
    const whole = () => Math.floor(random() * INTEGERS) + (name.startsWith('far') ? FAR : 0)
    return tensor(
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () =>
        value.type === 'int32' ? whole() : random() * 4 - 2,
      ),
    )
  })
  const weights = new Map<string, Tensor>(
    graph.weights.map(({ name, shape }) => [
      name,
      tensor(
        shape,
        Float64Array.from({ length: sizeOf(shape) }, () => random() * 2 - 1),
      ),
    ]),
  )
  const feeds = new Map(graph.inputs.map(({ name }, i) => [name, inputs[i]!]))
  const expected = interpret(graph, { feeds, weights })
  const results = runProgram(program, {
    dims,
    inputs,
    weights: weightTensors(lowered.weights, weights),
  })
  assert.deepEqual([...results.keys()], [...expected.keys()])
  for (const [name, { data }] of expected) assertClose(results.get(name)!.data, data, 1e-9, name)
  return program.code.map((instruction) => {
    if (instruction.op !== 'linear') return instruction.op
    const { bias, activation, multiply, residual } = instruction
    const parts = ['linear', bias !== undefined && 'bias', activation]
    return [...parts, multiply !== undefined && 'multiply', residual !== undefined && 'residual']
      .filter((part) => part)
      .join(' ')
  })
}
