#!/usr/bin/env node
/**
 * What structured output costs: tokens a second of answers at once as free text, under eight different schemas, and under a regular
 * expression, in turns in one process. `node bin/node.js bench/structured-throughput.ts <model folder or GGUF file> [--batch n] [--tokens n]
 * [--rounds n]` prints the median of the rounds, its share of free text, and how long steps waited for masks.
 */
import { parseArgs } from 'node:util'
import { median } from '../src/bench/median.ts'
import type { ResponseFormat } from '../src/chat/contract.ts'
import { readConfig } from '../src/config.ts'
import { type OpenModel, openModel } from '../src/main.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '5' },
  },
})
const [model] = positionals
if (model === undefined) throw new Error('expected a model folder or a GGUF file')
const batch = Number(values.batch)
const tokens = Number(values.tokens)
const PROMPT =
  'Describe a person who lives in a small town by the sea, with work, family and hobbies.'

const text = { type: 'string' }
/** Records, and no two of a batch alike. */
function recordSchema(i: number): ResponseFormat {
  const record = {
    type: 'object',
    properties: {
      [`name${i}`]: text,
      age: { type: 'integer', minimum: 0, maximum: 120 },
      kind: { enum: ['a', 'b'] },
      notes: text,
    },
    required: [`name${i}`, 'age', 'kind', 'notes'],
    additionalProperties: false,
  }
  const schema = { type: 'array', items: record }
  return { type: 'json-schema', name: 'records', schema, strict: true, param: 'schema' }
}

const KINDS: Readonly<Record<string, (i: number) => ResponseFormat>> = {
  'free text': () => ({ type: 'text' }),
  'JSON schema': recordSchema,
  'JSON schema with bounded strings': (i) => {
    const schema = { type: 'array', items: { type: 'string', maxLength: 100 + i } }
    return { type: 'json-schema', name: 'texts', schema, strict: true, param: 'schema' }
  },
  'regular expression': () => ({
    type: 'regex',
    pattern: '([a-z]{2,12}( |, |\\.\\n))*',
    param: 'regex',
  }),
}

interface Measured {
  readonly perSecond: number
  readonly waitMs: number
}

/** Tokens of all answers together for a second of decoding. */
async function measure(
  opened: OpenModel,
  format: (i: number) => ResponseFormat,
  round: number,
): Promise<Measured> {
  const before = opened.engine.stats().grammars.maskWaitMs
  const startedAt = performance.now()
  const counts = await Promise.all(
    Array.from({ length: batch }, async (_, i) => {
      const events = opened.ask(
        [{ type: 'text', text: PROMPT, param: 'messages[0].content' }],
        {
          sampling: { ...SAMPLING, seed: round * batch + i },
          ...{ maxTokens: tokens, minTokens: tokens, responseFormat: format(i) },
        },
        AbortSignal.timeout(3_600_000),
      )
      let count = 0
      for await (const event of events) if (event.type === 'usage') count = event.completionTokens
      return count
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  const total = counts.reduce((sum, count) => sum + count, 0)
  return { perSecond: total / seconds, waitMs: opened.engine.stats().grammars.maskWaitMs - before }
}

const SAMPLING = {
  ...{ temperature: 1, topP: undefined, topK: undefined, minP: undefined },
  ...{ repetitionPenalty: undefined, presencePenalty: 0, frequencyPenalty: 0 },
  ...{ logitBias: new Map<number, number>(), topLogprobs: undefined },
}

const opened = await openModel(
  await readConfig({ model, deadlineMs: 3_600_000, maxRunning: batch }),
)
try {
  const all = new Map(Object.keys(KINDS).map((kind) => [kind, [] as Measured[]]))
  // The first round compiles, and is not counted.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [kind, format] of Object.entries(KINDS)) {
      const measured = await measure(opened, format, round)
      if (round > 0) all.get(kind)!.push(measured)
    }
  }
  const free = median(all.get('free text')!.map(({ perSecond }) => perSecond))
  for (const [kind, rounds] of all) {
    const perSecond = median(rounds.map((one) => one.perSecond))
    const waitMs = median(rounds.map((one) => one.waitMs))
    console.log(
      `${kind}: ${perSecond.toFixed(1)} tokens/s, ${((100 * perSecond) / free).toFixed(1)} % of free text, ${waitMs.toFixed(1)} ms waiting for masks`,
    )
  }
} finally {
  await opened.close()
}
