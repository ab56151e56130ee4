#!/usr/bin/env node
/**
 * Whether every answer under a schema is valid: schemas in the style of public collections, each asked of the starter and of a model of
 * random weights, at temperature 1, several at once. `node bin/node.js bench/structured-corpus.ts [model …] [--schemas n] [--tokens n]
 * [--config name=value …]` prints the counts of each; exit code 1 when an answer is not valid. With models (folders or GGUF files), of those
 * instead of the two; the configuration is that of `aerie serve`, as `backend=onnx-cpu`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { writeRandomCheckpoint } from '../src/bench/random-checkpoint.ts'
import { decoderConfig } from '../src/bench/random-configs.ts'
import { type CorpusEntry, schemaCorpus } from '../src/bench/schema-corpus.ts'
import { readConfig } from '../src/config.ts'
import { type OpenModel, openModel } from '../src/main.ts'

const AT_ONCE = 8

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: 'string', multiple: true, default: [] },
    schemas: { type: 'string', default: '1000' },
    tokens: { type: 'string', default: '256' },
  },
})
const settings = Object.fromEntries(values.config.map((pair) => pair.split('=', 2)))
const maxTokens = Number(values.tokens)
const corpus = schemaCorpus(Number(values.schemas))

interface Counts {
  valid: number
  invalid: number
  refused: number
  tokens: number
  readonly endings: Record<string, number>
}

async function runCorpus(model: OpenModel): Promise<Counts> {
  const counts: Counts = { valid: 0, invalid: 0, refused: 0, tokens: 0, endings: {} }
  const todo = corpus.entries()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [i, entry] of todo) await runOne(model, entry, i, counts)
    }),
  )
  return counts
}

async function runOne(
  model: OpenModel,
  { style, schema }: CorpusEntry,
  seed: number,
  counts: Counts,
) {
  let text = ''
  let ending = 'error'
  try {
    const events = model.ask(
      [{ type: 'text', text: 'Answer in JSON.', param: 'messages[0].content' }],
      {
        sampling: { ...SAMPLING, seed },
        maxTokens,
        responseFormat: { type: 'json-schema', name: style, schema, strict: true, param: 'schema' },
      },
      AbortSignal.timeout(3_600_000),
    )
    for await (const event of events) {
      if (event.type === 'text-delta') text += event.text
      else if (event.type === 'finish') ending = event.reason
      else if (event.type === 'usage') counts.tokens += event.completionTokens
    }
  } catch (error) {
    counts.refused++
    console.log(`refused (${style}): ${(error as Error).message}\n  ${JSON.stringify(schema)}`)
    return
  }
  counts.endings[ending] = (counts.endings[ending] ?? 0) + 1
  if (isValid(schema, text)) counts.valid++
  else {
    counts.invalid++
    console.log(`INVALID (${style}, ${ending}): ${text}\n  ${JSON.stringify(schema)}`)
  }
}

function isValid(schema: object, text: string): boolean {
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  const { $schema: _, ...plain } = schema as Record<string, unknown>
  try {
    return ajv.validate(plain, JSON.parse(text))
  } catch {
    return false
  }
}

const SAMPLING = {
  ...{ temperature: 1, topP: undefined, topK: undefined, minP: undefined },
  ...{ repetitionPenalty: undefined, presencePenalty: 0, frequencyPenalty: 0 },
  ...{ logitBias: new Map<number, number>(), topLogprobs: undefined },
}

async function measure(name: string, model: string): Promise<boolean> {
  const opened = await openModel(await readConfig({ model, deadlineMs: 3_600_000, ...settings }))
  try {
    const counts = await runCorpus(opened)
    const { grammars } = opened.engine.stats()
    const { valid, invalid, refused, tokens, endings } = counts
    console.log(
      `${name}: ${valid} of ${corpus.length} valid, ${invalid} not, ${refused} refused; ${JSON.stringify(endings)}; ${tokens} tokens`,
    )
    console.log(`  ${JSON.stringify(grammars)}`)
    return invalid + refused === 0
  } finally {
    await opened.close()
  }
}

const folder = await mkdtemp(join(tmpdir(), 'aerie-corpus-'))
try {
  await writeRandomCheckpoint(
    folder,
    decoderConfig({
      ...{ modelType: 'llama', hidden: 64, intermediate: 128, layers: 2, heads: 4, kvHeads: 2 },
      ...{ headDim: 16, vocabulary: 320, maxPositions: 2048, ropeTheta: 10_000, isTied: false },
    }),
  )
  const named = positionals.map((model) => [basename(model), model] as const)
  const own = [['starter', 'starter'] as const, ['random weights', folder] as const]
  const all: boolean[] = []
  for (const [name, model] of named.length > 0 ? named : own) all.push(await measure(name, model))
  process.exitCode = all.every(Boolean) ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
