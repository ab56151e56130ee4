/** A speech model on the interpreter, one row after the other: slow, exact, the truth for others. */
import { kvGeometry } from '../../../models/graph/graph.ts'
import { KEY_POSITIONS, pastKey, pastValue } from '../../../models/graph/onnx/kv-attention.ts'
import { crossQuery } from '../../../models/whisper.ts'
import { decoderGraph, type ModelFiles } from './model-files.ts'
import type { Feed } from './onnx-session.ts'
import type { SequenceCache } from './reference/attention.ts'
import { interpret } from './reference/interpreter.ts'
import { tensor } from './reference/tensor.ts'
import { loadWeights } from './reference.ts'
import type { SpeechRunner } from './speech-session.ts'
import { encoderGraph } from './tile-encoder.ts'

export async function referenceSpeech(files: ModelFiles): Promise<SpeechRunner> {
  const graphs = { encoder: encoderGraph(files), decoder: decoderGraph(files) }
  const weights = {
    encoder: await loadWeights(graphs.encoder, files),
    decoder: await loadWeights(graphs.decoder, files),
  }
  const { layers, kvHeads, headDim } = kvGeometry(graphs.decoder)
  const layerWidth = kvHeads * headDim
  const width = layers * 2 * layerWidth

  /** The past of a row as the interpreter sees it; its new keys and values go to `present` [steps, width]. */
  function cacheOf(
    row: number,
    feeds: Readonly<Record<string, Feed>>,
    present: Float32Array,
  ): SequenceCache {
    const [, , , capacity] = feeds[pastKey(0)]!.dims as [number, number, number, number, number]
    const { data: places, dims } = feeds[KEY_POSITIONS]!
    const from = row * dims[1]!
    const seen = places.subarray(from, from + capacity)
    // What is padding has a position that is beyond all others.
    const length = seen.filter((place) => place < 2 ** 31 - 1).length
    const plane = (name: string) => {
      const { data } = feeds[name]!
      const values = new Float32Array(length * layerWidth)
      for (let head = 0; head < kvHeads; head++) {
        const start = (row * kvHeads + head) * capacity * headDim
        values.set(data.subarray(start, start + length * headDim), head * length * headDim)
      }
      return values
    }
    return {
      length,
      past: (layer) => ({ keys: plane(pastKey(layer)), values: plane(pastValue(layer)) }),
      append: (layer, keys, values) => {
        for (let step = 0; step * width < present.length; step++) {
          for (const [part, source] of [keys, values].entries()) {
            const at = step * width + (layer * 2 + part) * layerWidth
            present.set(source.subarray(step * layerWidth, (step + 1) * layerWidth), at)
          }
        }
      },
    }
  }

  return {
    async encode({ mel }) {
      const feeds = new Map([['mel', tensor(mel!.dims, Float64Array.from(mel!.data))]])
      const results = interpret(graphs.encoder, { feeds, weights: weights.encoder })
      return Object.fromEntries(
        graphs.encoder.outputs.map(({ name }) => [
          name,
          Float32Array.from(results.get(name)!.data),
        ]),
      )
    },
    async decode(feeds, layers) {
      const [rows, steps] = feeds['tokens']!.dims as [number, number]
      const present = new Float32Array(rows * steps * width)
      const logits: Float32Array[] = []
      const queries: Float32Array[][] = layers.map(() => [])
      for (let row = 0; row < rows; row++) {
        const own = new Map(
          graphs.decoder.inputs.map(({ name }) => {
            const { data, dims } = feeds[name]!
            const size = data.length / dims[0]!
            const values = Float64Array.from(data.subarray(row * size, (row + 1) * size))
            return [name, tensor([1, ...dims.slice(1)], values)] as const
          }),
        )
        const appended = present.subarray(row * steps * width, (row + 1) * steps * width)
        const cache = cacheOf(row, feeds, appended)
        const results = interpret(graphs.decoder, { feeds: own, weights: weights.decoder, cache })
        logits.push(Float32Array.from(results.get('logits')!.data))
        for (const [i, layer] of layers.entries())
          queries[i]!.push(Float32Array.from(results.get(crossQuery(layer))!.data))
      }
      return { logits: joined(logits), present, queries: queries.map(joined) }
    },
    async align(feeds) {
      const values = Object.entries(feeds).map(
        ([name, { data, dims }]) => [name, tensor(dims, Float64Array.from(data))] as const,
      )
      const results = interpret(files.graphs.alignment!, {
        feeds: new Map(values),
        weights: new Map(),
      })
      return Float32Array.from(results.get('weights')!.data)
    },
    async dispose() {},
  }
}

/** Rows of one size, one behind the other. */
function joined(rows: readonly Float32Array[]): Float32Array {
  const size = rows[0]!.length
  const all = new Float32Array(rows.length * size)
  for (const [row, values] of rows.entries()) all.set(values, row * size)
  return all
}
