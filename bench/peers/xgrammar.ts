#!/usr/bin/env node
/**
 * The grammar engine beside XGrammar (`@mlc-ai/web-xgrammar`, WebAssembly): processor time to compile a constraint, of the first mask and of
 * those along a random answer, and the memory of it. `node bin/node.js bench/peers/xgrammar.ts <model folder or GGUF file> [--schemas n]
 * [--limit seconds]` takes the vocabulary of that model. A case that takes XGrammar longer than the limit is given up.
 */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { schemaCorpus } from '../../src/bench/schema-corpus.ts'
import type { Constraint } from '../../src/engine/constraint.ts'
import { buildAutomaton } from '../../src/grammar/build-automaton.ts'
import { type ClassTokens, classTokens } from '../../src/grammar/class-tokens.ts'
import { inverted, type Ranges } from '../../src/grammar/expression.ts'
import { lower } from '../../src/grammar/lower.ts'
import { computeMask, repetitionAt, repetitionMask } from '../../src/grammar/masks.ts'
import { Matcher } from '../../src/grammar/matcher.ts'
import type { Position } from '../../src/grammar/positions.ts'
import {
  buildTree,
  longestToken,
  tokenBytes,
  type Vocabulary,
  vocabularySize,
} from '../../src/grammar/vocabulary.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { vocabularyOf } from '../../src/tokenizer/vocabulary.ts'
import { xgrammarCompiler } from './xgrammar-compiler.ts'

interface Case {
  readonly name: string
  readonly constraint: Constraint
}

interface Row {
  readonly compileMs: number
  readonly firstMs: number
  readonly meanMs: number
  readonly largestMs: number
}

const STEPS = 40
const object = (properties: object) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})
const json = (name: string, schema: object): Case => ({
  name,
  constraint: { kind: 'json', schema: schema as { [keyword: string]: unknown } },
})
const CASES: readonly Case[] = [
  json(
    'an object of a string and an integer',
    object({ name: { type: 'string' }, age: { type: 'integer' } }),
  ),
  json('any object', { type: 'object', additionalProperties: true }),
  {
    name: 'a regular expression',
    constraint: { kind: 'regex', pattern: '[a-z]{3,20}@[a-z]{2,10}\\.(com|org)' },
  },
  json('a string of at most 20 characters', { type: 'string', maxLength: 20 }),
  json('a string of at most 100 characters', { type: 'string', maxLength: 100 }),
  json('a string of at most 255 characters', { type: 'string', maxLength: 255 }),
]

/** Bits of a mask, as ids. */
function idsOf(mask: ArrayLike<number>): number[] {
  const ids: number[] = []
  for (let word = 0; word < mask.length; word++) {
    for (let bit = 0; bit < 32; bit++) if ((mask[word]! >>> bit) & 1) ids.push(word * 32 + bit)
  }
  return ids
}

function timer(): () => number {
  const before = process.threadCpuUsage()
  return () => {
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1000
  }
}

function summary(compileMs: number, masks: readonly number[]): Row {
  const mean = masks.reduce((sum, ms) => sum + ms, 0) / masks.length
  return { compileMs, firstMs: masks[0]!, meanMs: mean, largestMs: Math.max(...masks) }
}

function ours(vocabulary: Vocabulary): (one: Case) => Promise<Row> {
  const source = { tree: buildTree(vocabulary), size: vocabularySize(vocabulary) }
  /** Made once for a vocabulary, as in the server. */
  const tables = new Map<string, ClassTokens>()
  const tableOf = (ranges: Ranges) => {
    const name = ranges.join()
    const table = tables.get(name) ?? classTokens(vocabulary, ranges)
    tables.set(name, table)
    return table
  }
  tableOf(inverted([0, 0x1f, 0x22, 0x22, 0x5c, 0x5c]))
  const maskOf = (matcher: Matcher, position: Position) => {
    const repetition = repetitionAt(matcher, position)
    if (!repetition) return computeMask(matcher, position, source)!
    const table = tableOf(matcher.automaton.classes[repetition.class]!.ranges)
    return repetitionMask(matcher, repetition, table, source)!
  }
  return async ({ constraint }) => {
    const compiled = timer()
    const matcher = new Matcher(
      buildAutomaton(lower(constraint, vocabulary), 'constraint', longestToken(vocabulary)),
    )
    const compileMs = compiled()
    const masks: number[] = []
    let position = matcher.start
    for (let i = 0; i < STEPS; i++) {
      const masked = timer()
      if (!matcher.knowsMask(position)) matcher.keepMask(position, maskOf(matcher, position))
      masks.push(masked())
      const ids = idsOf(position.mask!)
      if (ids.length === 0) break
      position = matcher.advance(position, tokenBytes(vocabulary, ids[(i * 7919) % ids.length]!))!
    }
    return summary(compileMs, masks)
  }
}

async function theirs(vocabulary: Vocabulary): Promise<(one: Case) => Promise<Row>> {
  const { xgrammar, compiler } = await xgrammarCompiler(vocabulary)
  return async ({ constraint }) => {
    const compiled = timer()
    const grammar =
      constraint.kind === 'json'
        ? await compiler.compileJSONSchema(
            JSON.stringify(constraint.schema),
            true,
            -1,
            [',', ':'],
            true,
            2,
          )
        : await compiler.compileStructuralTag({
            type: 'regex',
            pattern: (constraint as { pattern: string }).pattern,
          })
    const compileMs = compiled()
    const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(grammar)
    const masks: number[] = []
    for (let i = 0; i < STEPS; i++) {
      const masked = timer()
      const mask = await matcher.getNextTokenBitmask()
      masks.push(masked())
      const ids = idsOf(mask).filter((id) => id < vocabularySize(vocabulary))
      if (ids.length === 0) break
      matcher.acceptToken(ids[(i * 7919) % ids.length]!)
    }
    matcher.dispose()
    grammar.dispose()
    return summary(compileMs, masks)
  }
}

/** One engine in a thread of its own, so that a case that takes too long, or ends the engine, can be given up. */
class Engine {
  readonly #name: 'ours' | 'theirs'
  readonly #vocabulary: Vocabulary
  readonly #limitMs: number
  #worker: Worker | undefined

  constructor(name: 'ours' | 'theirs', vocabulary: Vocabulary, limitMs: number) {
    this.#name = name
    this.#vocabulary = vocabulary
    this.#limitMs = limitMs
  }

  async run(one: Case): Promise<Row | string> {
    if (!this.#worker) {
      this.#worker = new Worker(new URL(import.meta.url), {
        workerData: { name: this.#name, vocabulary: this.#vocabulary },
      })
      await once(this.#worker, 'message')
    }
    const enough = AbortSignal.timeout(this.#limitMs)
    const answer = once(this.#worker, 'message', { signal: enough })
    this.#worker.postMessage(one)
    const row = await answer.then(
      ([message]) => message as Row,
      (error: Error) =>
        enough.aborted ? `> ${this.#limitMs / 1000} s` : `failed: ${error.message.slice(0, 60)}`,
    )
    if (typeof row === 'string') await this.close()
    return row
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = undefined
  }
}

function written(row: Row | string): string {
  if (typeof row === 'string') return row
  const { compileMs, firstMs, meanMs, largestMs } = row
  return [compileMs, firstMs, meanMs, largestMs].map((ms) => ms.toFixed(2)).join(' / ')
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      schemas: { type: 'string', default: '60' },
      limit: { type: 'string', default: '60' },
    },
  })
  const [model] = positionals
  if (model === undefined)
    throw new Error('expected a model folder or a GGUF file, for its vocabulary')
  const tokenizer = await Tokenizer.load(model)
  const vocabulary = await vocabularyOf(tokenizer, tokenizer.size)
  console.log(
    `${tokenizer.size} tokens; milliseconds of the processor: compile / first mask / mean / largest`,
  )
  const limitMs = 1000 * Number(values.limit)
  const engines = {
    ours: new Engine('ours', vocabulary, limitMs),
    theirs: new Engine('theirs', vocabulary, limitMs),
  }
  for (const one of CASES) {
    console.log(
      `${one.name}: ours ${written(await engines.ours.run(one))}; XGrammar ${written(await engines.theirs.run(one))}`,
    )
  }
  for (const [name, engine] of Object.entries(engines)) {
    const compiles: number[] = []
    const masks: number[] = []
    let givenUp = 0
    for (const { schema } of schemaCorpus(Number(values.schemas))) {
      const row = await engine.run(json('', schema))
      if (typeof row === 'string') givenUp++
      else {
        compiles.push(row.compileMs)
        masks.push(row.meanMs)
      }
    }
    const middle = (all: readonly number[]) =>
      all.toSorted((a, b) => a - b)[all.length >> 1]?.toFixed(2)
    const most = Math.max(...compiles).toFixed(0)
    console.log(
      `corpus of ${values.schemas}, ${name}: compile ${middle(compiles)} (most ${most}), mask ${middle(masks)}, ${givenUp} given up`,
    )
    await engine.close()
  }
  console.log(
    `memory of this process at its end: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`,
  )
}

if (isMainThread) await main()
else {
  const { name, vocabulary } = workerData as { name: 'ours' | 'theirs'; vocabulary: Vocabulary }
  const run = name === 'ours' ? ours(vocabulary) : await theirs(vocabulary)
  parentPort!.on('message', async (one: Case) => {
    parentPort!.postMessage(await run(one).catch((error: Error) => `failed: ${error.message}`))
  })
  parentPort!.postMessage('up')
}
