/**
 * A program of its own: holds Aerie's reading of a GGUF file to llama.cpp's, which `llama_logits.py` wrote.
 *
 *     node bin/node.js bench/peers/gguf/compare.ts model.gguf out/ [--backend native] [--record test/fixtures/gguf/smollm2.json]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runDecoderStages } from '../../../src/engine/backends/graph-stages.ts'
import { openModelFiles } from '../../../src/engine/backends/model-files.ts'
import { embed } from '../../../src/parity/decoding.ts'
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts'

/** How many probabilities of a next token are recorded for the tests. */
const RECORDED = 32

interface Answer {
  readonly name: string
  readonly ids: readonly number[]
  readonly greedy: readonly number[]
}

interface Report {
  readonly vocabulary: number
  readonly prompts: readonly Answer[]
  readonly corpus: readonly (readonly number[])[]
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { record: { type: 'string' }, backend: { type: 'string', default: 'onnx' } },
})
const [model, folder] = positionals
if (model === undefined || folder === undefined)
  throw new Error('expected a GGUF file and the folder that llama_logits.py wrote')

const written = JSON.parse(readFileSync(new URL('prompts.json', import.meta.url), 'utf8')) as {
  prompts: { name: string; text: string }[]
  corpus: string[]
}
const llama = JSON.parse(readFileSync(join(folder, 'llama.json'), 'utf8')) as Report
const tokenizer = await Tokenizer.load(model)
const files = await openModelFiles(model)
await using _weights = files.checkpoint

const sameIds = written.corpus.filter(
  (text, i) => tokenizer.encode(text).join() === llama.corpus[i]!.join(),
)
console.log(`ids equal: ${sameIds.length} of ${written.corpus.length} texts`)
for (const text of written.corpus)
  if (!sameIds.includes(text)) console.log(`  differs: ${JSON.stringify(text)}`)

const recorded: object[] = []
const all: number[] = []
console.log(
  '| prompt | ids | positions | KL mean | KL largest | top-1 equal | greedy equal | largest logit error |',
)
console.log('|---|---|---|---|---|---|---|---|')
for (const [i, { name, text }] of written.prompts.entries()) {
  const { ids, greedy } = llama.prompts[i]!
  const equal = tokenizer.encode(text).join() === ids.join()
  const theirs = readFloats(join(folder, `${name}.f32`))
  // Teacher-forced: both read llama.cpp's continuation; where the best tokens agree, so would the free answers.
  const input = [{ kind: 'tokens', ids: Int32Array.of(...ids, ...greedy) } as const]
  const stages = await runDecoderStages(files, values.backend, await embed(files, input))
  const ours = stages.get('logits')!
  const rows = ids.length + greedy.length
  const at = (logits: Float32Array, row: number) =>
    logits.subarray(row * llama.vocabulary, (row + 1) * llama.vocabulary)
  const divergences = Array.from({ length: rows }, (_, row) =>
    divergence(at(theirs, row), at(ours, row)),
  )
  const best = Array.from({ length: rows }, (_, row) => argmax(at(ours, row)))
  const agreed = best.filter((id, row) => id === argmax(at(theirs, row))).length
  const continued = greedy.filter((id, step) => id === best[ids.length - 1 + step]).length
  all.push(...divergences)
  console.log(
    `| ${name} | ${equal ? 'equal' : 'differ'} | ${rows} | ${mean(divergences).toExponential(1)} | ` +
      `${Math.max(...divergences).toExponential(1)} | ${agreed} of ${rows} | ${continued} of ${greedy.length} | ` +
      `${relativeError(ours, theirs).toExponential(1)} |`,
  )
  const probabilities = logProbabilities(at(theirs, ids.length - 1))
  const top = [...probabilities.keys()]
    .sort((a, b) => probabilities[b]! - probabilities[a]!)
    .slice(0, RECORDED)
  const logprobs = top.map((id) => Number(probabilities[id]!.toFixed(5)))
  recorded.push({ name, text, ids, greedy, next: { ids: top, logprobs } })
}
console.log(
  `KL per token over all ${all.length} positions: mean ${mean(all).toExponential(2)}, largest ${Math.max(...all).toExponential(2)}`,
)

if (values.record !== undefined) {
  const corpus = written.corpus.map((text, i) => ({ text, ids: llama.corpus[i] }))
  writeFileSync(values.record, `${JSON.stringify({ prompts: recorded, corpus }, null, 1)}\n`)
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

/** Of softmax, in nats. */
function logProbabilities(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - largest)
  return Float64Array.from(logits, (logit) => logit - largest - Math.log(sum))
}

/** KL(theirs ‖ ours) of the next token, in nats. */
function divergence(theirs: Float32Array, ours: Float32Array): number {
  const [p, q] = [logProbabilities(theirs), logProbabilities(ours)]
  return p.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - q[i]!), 0)
}

function relativeError(ours: Float32Array, theirs: Float32Array): number {
  let [difference, magnitude] = [0, 0]
  for (const [i, value] of theirs.entries()) {
    difference = Math.max(difference, Math.abs(value - ours[i]!))
    magnitude = Math.max(magnitude, Math.abs(value))
  }
  return difference / magnitude
}

function argmax(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
