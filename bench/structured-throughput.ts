#!/usr/bin/env node
/**
 * What structured output costs: tokens a second and the processor's time for each, as free text and under schemas and a regular expression.
 * As many clients as the batch has places ask again when an answer ends, so that the batch is always full; a round counts what the engine
 * generates while it is, and the kinds take turns in one process. `node bin/node.js bench/structured-throughput.ts <model folder or GGUF file>
 * [--batch n] [--tokens n] [--rounds n] [--fresh] [--config name=value …]` prints the medians of the rounds and their shares of free text.
 * `--fresh`: no two rounds have a schema in common, so that nothing is there from before. Speculation is off, or the shares would say how
 * often a model repeats itself in each kind of text, and not what a grammar costs; `--config speculation=auto` turns it on.
 */
import { parseArgs } from 'node:util'
import { median } from '../src/bench/median.ts'
import type { ResponseFormat } from '../src/chat/contract.ts'
import { readConfig } from '../src/config.ts'
import { type OpenModel, openModel } from '../src/main.ts'
import { STRUCTURED_KINDS } from './structured-kinds.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '7' },
    fresh: { type: 'boolean', default: false },
    config: { type: 'string', multiple: true, default: [] },
  },
})
const [model] = positionals
if (model === undefined) throw new Error('expected a model folder or a GGUF file')
const batch = Number(values.batch)
/** Of all answers together, in a round. */
const tokens = Number(values.tokens)
const PROMPT =
  'Describe a person who lives in a small town by the sea, with work, family and hobbies.'

interface Measured {
  readonly perSecond: number
  /** Microseconds of the processor, of all threads. */
  readonly processor: number
  /** Milliseconds. */
  readonly waited: number
  readonly masks: number
}

/** One answer after the other until `signal`; `heard` is called with whatever comes of them. */
async function ask(
  opened: OpenModel,
  format: ResponseFormat,
  seed: number,
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const events = opened.ask(
      [{ type: 'text', text: PROMPT, param: 'messages[0].content' }],
      {
        sampling: { ...SAMPLING, seed: seed * 1000 + i },
        ...{ maxTokens: 512, minTokens: 512, responseFormat: format },
      },
      signal,
    )
    try {
      for await (const _ of events) heard()
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}

async function measure(
  opened: OpenModel,
  format: (i: number) => ResponseFormat,
  round: number,
): Promise<Measured> {
  const stop = new AbortController()
  const marks: ReturnType<typeof mark>[] = []
  const target = () => marks[0]!.generated + tokens
  const heard = () => {
    const { running, generatedTokens } = opened.engine.stats()
    if (marks.length === 0 && running === batch) marks.push(mark(opened))
    if (marks.length !== 1 || generatedTokens < target()) return
    marks.push(mark(opened))
    stop.abort()
  }
  await Promise.all(
    Array.from({ length: batch }, (_, i) => {
      const which = values.fresh ? round * batch + i : i
      return ask(opened, format(which), round * batch + i, heard, stop.signal)
    }),
  )
  const [from, to] = marks as [(typeof marks)[0], (typeof marks)[0]]
  const count = to.generated - from.generated
  return {
    perSecond: (1000 * count) / (to.at - from.at),
    processor: (to.processor - from.processor) / count,
    waited: to.waited - from.waited,
    masks: to.masks - from.masks,
  }
}

/** Counters arrive with the events that they count, so both ends of a round are ends of steps. */
function mark(opened: OpenModel) {
  const { generatedTokens, grammars } = opened.engine.stats()
  const { user, system } = process.cpuUsage()
  return {
    at: performance.now(),
    processor: user + system,
    generated: generatedTokens,
    waited: grammars.maskWaitMs,
    masks: grammars.masks,
  }
}

const SAMPLING = {
  ...{ temperature: 1, topP: undefined, topK: undefined, minP: undefined },
  ...{ repetitionPenalty: undefined, presencePenalty: 0, frequencyPenalty: 0 },
  ...{ logitBias: new Map<number, number>(), topLogprobs: undefined },
}

const settings = Object.fromEntries(values.config.map((pair) => pair.split('=', 2)))
const opened = await openModel(
  await readConfig({
    model,
    deadlineMs: 3_600_000,
    maxRunning: batch,
    speculation: 'off',
    ...settings,
  }),
)
try {
  const all = new Map(Object.keys(STRUCTURED_KINDS).map((kind) => [kind, [] as Measured[]]))
  // The first round warms up, and is not counted.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [kind, format] of Object.entries(STRUCTURED_KINDS)) {
      const measured = await measure(opened, format, round)
      if (round > 0) all.get(kind)!.push(measured)
    }
  }
  const free = all.get('free text')!
  for (const [kind, rounds] of all) {
    const middle = (key: keyof Measured) => median(rounds.map((one) => one[key]))
    // Of the same round, as a busy machine is slower in some than in others.
    const share = (key: 'perSecond' | 'processor') =>
      (100 * median(rounds.map((one, i) => one[key] / free[i]![key]))).toFixed(1)
    console.log(
      `${kind}: ${middle('perSecond').toFixed(1)} tokens/s, ${share('perSecond')} % of free text; ` +
        `processor ${middle('processor').toFixed(0)} µs a token, ${share('processor')} %; ` +
        `${middle('masks')} masks, ${middle('waited').toFixed(1)} ms waiting for them`,
    )
  }
} finally {
  await opened.close()
}
