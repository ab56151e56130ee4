/** What the layers of a decoder read in a shipped text, as factors that rounding makes good with (`gptq.ts`). */
import { open } from 'node:fs/promises'
import type { Value } from '../../models/graph/graph.ts'
import { graphBehind, linearInputs } from '../../models/graph/linear-weights.ts'
import { EmbeddingTable } from '../engine/backends/embedding-table.ts'
import { decoderGraph, type ModelFiles } from '../engine/backends/model-files.ts'
import { AerieError } from '../errors.ts'
import { writeAll } from '../write-all.ts'
import { addProducts, blockElements, toFactors } from './gptq.ts'
import { runSegments, type SegmentRunOptions } from './segment-run.ts'

/** Where the factors of a weight lie in the file, in bytes; of as many columns. */
export interface FactorPlace {
  readonly offset: number
  readonly width: number
}

/** Positions that are read at once, and all together: sums of more change the result little. */
const SEQUENCE = 512
const MOST_POSITIONS = 4096

/**
 * Runs the decoder over `ids` and writes the factors of its weights `wanted`, by graph name, to a new file. One factor is held
 * in memory for every input of the layers that are loaded at a time. Rejects with `invalid_package` for ids that the
 * vocabulary does not have, and for layers that read what is no number.
 */
export async function writeFactors(
  target: string,
  files: ModelFiles,
  { ids, wanted }: { readonly ids: Int32Array; readonly wanted: ReadonlySet<string> },
  options: Pick<SegmentRunOptions, 'threads' | 'mostElements' | 'signal'>,
): Promise<Map<string, FactorPlace>> {
  const decoder = decoderGraph(files)
  const read = [...linearInputs(decoder)].filter(([{ name }]) => wanted.has(name))
  const outputs = [...new Set(read.flatMap(([, values]) => [...values]))].map((value) => ({
    name: `input.${value.id}`,
    value,
  }))
  const feeds = await feedsOf(files, ids)
  const sums = new Map<string, { readonly products: Float32Array; missing: number }>()
  const places = new Map<string, FactorPlace>()
  await using file = await open(target, 'wx')
  let end = 0
  const readerOf = (input: string) =>
    read.find(([, values]) => [...values].some(({ id }) => input === `input.${id}`))![0].name
  const widths = new Map(outputs.map(({ name, value }) => [name, value.shape.at(-1) as number]))
  await runSegments(graphBehind(decoder, outputs), files, feeds, () => undefined, {
    ...options,
    async onValue(name, data) {
      const width = widths.get(name)!
      const sum = sums.get(name) ?? {
        products: new Float32Array(blockElements(width)),
        missing: feeds.length,
      }
      sums.set(name, sum)
      addProducts(sum.products, data, width)
      if (--sum.missing > 0) return
      sums.delete(name)
      toFactors(sum.products, width)
      if (!sum.products.every(Number.isFinite))
        throw new AerieError(
          'invalid_package',
          `in a plain text the decoder computes what is no number, and ${readerOf(name)} reads it`,
        )
      const bytes = new Uint8Array(sum.products.buffer)
      places.set(name, { offset: end, width })
      await writeAll(file, bytes, end)
      end += bytes.byteLength
    },
  })
  // Of a weight that several inputs are multiplied with, the first speaks for all.
  const first = ([value]: ReadonlySet<Value>) => places.get(`input.${value!.id}`)!
  return new Map(read.map(([{ name }, values]) => [name, first(values)]))
}

/** The ids in sequences of their own. */
async function feedsOf(files: ModelFiles, all: Int32Array) {
  const { hiddenSize, maxContext } = files.limits
  const table = await EmbeddingTable.load(files)
  const ids = all.subarray(0, MOST_POSITIONS)
  const unknown = ids.find((id) => !table.has(id))
  if (unknown !== undefined)
    throw new AerieError(
      'invalid_package',
      `tokenizer: token id ${unknown} of the calibration text is outside the vocabulary of ${table.vocabSize}`,
    )
  const steps = Math.min(SEQUENCE, maxContext)
  return Array.from({ length: Math.ceil(ids.length / steps) }, (_, i) => {
    const part = ids.subarray(i * steps, (i + 1) * steps)
    const places = Int32Array.from(part, (_id, position) => position)
    return {
      embeddings: {
        data: table.embed([{ kind: 'tokens', ids: part }]),
        dims: [1, part.length, hiddenSize],
      },
      positions: { data: places, dims: [1, part.length] },
      wanted: { data: places, dims: [1, part.length] },
    }
  })
}
