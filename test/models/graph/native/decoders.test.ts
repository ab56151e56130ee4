/** Every family's decoder as a native program, over ragged rows, against the graph itself, row by row. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Graph } from '../../../../models/graph/graph.ts'
import { nativeProgram } from '../../../../models/graph/native/lower.ts'
import { loadModelConfig } from '../../../../models/load-config.ts'
import { interpret } from '../../../../src/engine/backends/reference/interpreter.ts'
import { sizeOf, type Tensor, tensor } from '../../../../src/engine/backends/reference/tensor.ts'
import { weightTensors } from '../../../support/native-weights.ts'
import { ProgramSequence, runProgram } from '../../../support/program-interpreter.ts'
import { FIXTURES } from '../../../support/recorded-cases.ts'
import { assertClose } from '../../../support/relative-error.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

const FOLDERS = [
  ...readdirSync(join(FIXTURES, 'decoders')).map((name) => `decoders/${name}`),
  'vila/vila15',
  'eagle2/eagle2-moe',
  'eagle/x5-vicuna-s160',
]
/** Tokens of each sequence by step; the second step continues both. */
const STEPS = [
  [9, 4],
  [1, 3],
]

for (const name of FOLDERS) {
  describe(`the decoder of ${name} as a native program`, () => {
    it('computes ragged rows as the graph computes each alone', async () => {
      const { graphs } = await loadModelConfig(join(FIXTURES, name, 'checkpoint'))
      compareDecoder(graphs.decoder!)
    })
  })
}

function compareDecoder(graph: Graph): void {
  const lowered = nativeProgram(graph)
  assert.ok('program' in lowered, 'refusal' in lowered ? lowered.refusal : '')
  const random = seededRandom(5)
  const fill = (shape: readonly number[]) =>
    tensor(
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () => random() - 0.5),
    )
  const tensors = new Map(graph.weights.map(({ name, shape }) => [name, fill(shape)]))
  const weights = weightTensors(lowered.weights, tensors)
  const hidden = graph.inputs[0]!.value.shape[2] as number
  const total = (sequence: number) => STEPS.reduce((sum, counts) => sum + counts[sequence]!, 0)
  const texts = [0, 1].map((sequence) => fill([total(sequence), hidden]))
  const truth = texts.map((text) => wholeText(graph, tensors, text))

  const sequences = [new ProgramSequence(), new ProgramSequence()]
  for (const counts of STEPS) {
    const rows = sequences.map((sequence, i) => ({ sequence, count: counts[i]! }))
    const places = rows.flatMap(({ sequence, count }) =>
      Array.from({ length: count }, (_, i) => sequence.length + i),
    )
    const tokens = places.length
    // The first sequence's last token and the second's first and last.
    const wanted = [counts[0]! - 1, counts[0]!, tokens - 1]
    const asked = wanted.map((token) => [token < counts[0]! ? 0 : 1, places[token]!] as const)
    const embeddings = rows.flatMap(({ sequence, count }, i) => {
      const { length } = sequence
      return [...texts[i]!.data.subarray(length * hidden, (length + count) * hidden)]
    })
    const feeds: Record<string, Tensor> = {
      embeddings: tensor([tokens, hidden], Float64Array.from(embeddings)),
      positions: tensor([tokens], Float64Array.from(places)),
      wanted: tensor([wanted.length], Float64Array.from(wanted)),
    }
    const results = runProgram(lowered.program, {
      dims: new Map([
        ['tokens', tokens],
        ['wanted', wanted.length],
      ]),
      inputs: lowered.program.inputs.map(({ name }) => feeds[name]!),
      weights,
      rows,
    })
    for (const output of ['hidden', 'logits']) {
      const { shape, data } = results.get(output)!
      const width = shape[1]!
      for (const [i, [sequence, place]] of asked.entries()) {
        const expected = truth[sequence]!.get(output)!.data
        assertClose(
          data.subarray(i * width, (i + 1) * width),
          expected.subarray(place * width, (place + 1) * width),
          // The cache holds 32-bit floats.
          1e-5,
          `${output} of sequence ${sequence}, position ${place}`,
        )
      }
    }
  }
}

/** Outputs at every position of a text that is read at once. */
function wholeText(
  graph: Graph,
  weights: ReadonlyMap<string, Tensor>,
  text: Tensor,
): Map<string, Tensor> {
  const [length, hidden] = text.shape as [number, number]
  const places = tensor(
    [1, length],
    Float64Array.from({ length }, (_, i) => i),
  )
  const nothing = new Float32Array()
  return interpret(graph, {
    feeds: new Map([
      ['embeddings', tensor([1, length, hidden], text.data)],
      ['positions', places],
      ['wanted', places],
    ]),
    weights,
    cache: { length: 0, past: () => ({ keys: nothing, values: nothing }), append: () => {} },
  })
}
