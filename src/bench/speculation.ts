/** What guessing tokens brings: the same answers with and without, of texts that say things again and of one that does not. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { kvGeometry } from '../../models/graph/graph.ts'
import type { DecoderSession } from '../engine/backend.ts'
import { createBackend } from '../engine/backends/create.ts'
import { decoderGraph, openModelFiles } from '../engine/backends/model-files.ts'
import { kvPositionBytes } from '../engine/backends/native-kv.ts'
import { EngineCore } from '../engine/engine-core.ts'
import type { GenerateRequest, SamplingParams } from '../engine/types.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'

export interface SpeculationOptions {
  /** Folder or GGUF file. */
  readonly model: string
  /** As `model`; whose tokenizer reads the text. */
  readonly tokenizer: string
  readonly maxDraftTokens: number
  /** Tokens of an answer. */
  readonly tokens: number
  /** Answers at once. */
  readonly batches: readonly number[]
  readonly rounds: number
}

export interface SpeculationRow {
  readonly text: string
  readonly batch: number
  /** Tokens a second of all answers together, in the best round, on one thread. */
  readonly without: number
  readonly withDrafts: number
  /** Tokens that were computed on trial, for each of the answer; and the share of them that were chosen. */
  readonly draftedPerToken: number
  readonly accepted: number
  readonly isSame: boolean
}

const TEXT = fileURLToPath(new URL('../../bench/peers/engine/text.txt', import.meta.url))
/** Positions of the text that a prompt has. */
const PART = 160
const GREEDY: SamplingParams = {
  ...{ temperature: 0, topP: 1, topK: 0, minP: 0 },
  ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
  ...{ logitBias: new Map(), seed: undefined, topLogprobs: undefined },
}

interface Kind {
  readonly name: string
  readonly sampling: SamplingParams
  prompt(text: Int32Array, seed: number): Int32Array
}

const KINDS: readonly Kind[] = [
  {
    // The text, and its beginning again: a model goes on with the rest of it.
    name: 'copies its prompt',
    sampling: GREEDY,
    prompt: (text, seed) =>
      Int32Array.from([...text.subarray(seed, seed + PART), ...text.subarray(seed, seed + 16)]),
  },
  {
    name: 'greedy',
    sampling: GREEDY,
    prompt: (text, seed) => text.slice(seed, seed + PART),
  },
  {
    name: 'sampled at 1.0',
    sampling: { ...GREEDY, temperature: 1 },
    prompt: (text, seed) => text.slice(seed, seed + PART),
  },
]

/** On the native backend, with and without in turns over one session. Rejects as the backend does. */
export async function measureSpeculation(options: SpeculationOptions): Promise<SpeculationRow[]> {
  const { model, tokens, batches, rounds, maxDraftTokens } = options
  const text = (await Tokenizer.load(options.tokenizer)).encode(await readFile(TEXT, 'utf8'))
  const files = await openModelFiles(model)
  const geometry = kvGeometry(decoderGraph(files))
  await files.checkpoint.close()
  const positions = Math.max(...batches) * (2 * PART + tokens)
  const session = await (await createBackend('native')).loadDecoder(model, {
    threads: 1,
    kvCacheBytes: positions * kvPositionBytes(geometry, 'f32'),
    kvBlockSize: 16,
  })
  const rows: SpeculationRow[] = []
  for (const kind of KINDS) {
    for (const batch of batches) {
      const requests = Array.from({ length: batch }, (_, i): GenerateRequest => {
        const ids = kind.prompt(text, 13 * i)
        return request(ids, { ...kind.sampling, seed: i }, tokens)
      })
      const [plain, drafting]: [Answers[], Answers[]] = [[], []]
      for (let round = 0; round < rounds; round++) {
        plain.push(await answersOf(session, requests, 0))
        drafting.push(await answersOf(session, requests, maxDraftTokens))
      }
      const [without, best] = [fastest(plain), fastest(drafting)]
      rows.push({
        text: kind.name,
        batch,
        without: without.tokens / without.seconds,
        withDrafts: best.tokens / best.seconds,
        draftedPerToken: best.drafted / best.tokens,
        accepted: best.drafted === 0 ? 0 : best.accepted / best.drafted,
        isSame: drafting.every(({ ids }) => ids === without.ids),
      })
    }
  }
  await session.dispose()
  return rows
}

function request(ids: Int32Array, sampling: SamplingParams, maxTokens: number): GenerateRequest {
  return {
    prompt: [{ kind: 'tokens', ids }],
    ...{ sampling, n: 1, maxTokens, minTokens: 0, stopTokenIds: new Set<number>() },
    ...{ deadlineMs: Number.POSITIVE_INFINITY, priority: 'live' },
  }
}

interface Answers {
  /** Of all requests, as text. */
  readonly ids: string
  readonly tokens: number
  /** Of the processor, from the step after the last prompt was read. */
  readonly seconds: number
  readonly drafted: number
  readonly accepted: number
}

async function answersOf(
  session: DecoderSession,
  requests: readonly GenerateRequest[],
  maxDraftTokens: number,
): Promise<Answers> {
  const core = new EngineCore(session, {
    ...{ maxRunning: requests.length, stepTokenBudget: 256, prefixCacheBlocks: 0 },
    ...{ batchPatienceMs: 0, maxDraftTokens, now: processorMs },
    onFailure: (error) => {
      throw error
    },
  })
  for (const [id, params] of requests.entries())
    core.send({ type: 'generate', id, request: params })
  const ids = requests.map((): number[] => [])
  let [start, before, read] = [0, 0, 0]
  while (core.hasWork) {
    await core.step()
    for (const [id, event] of core.takeEvents()) {
      if (event.type === 'prefill') read++
      if (event.type === 'token') ids[id]!.push(event.id)
      if (event.type === 'error') throw new Error(event.error.message)
    }
    if (start === 0 && read === requests.length) {
      start = processorMs()
      before = ids.flat().length
    }
  }
  const seconds = (processorMs() - start) / 1000
  const { draftedTokens: drafted, acceptedTokens: accepted } = core.takeStats()
  return { ids: ids.join(';'), tokens: ids.flat().length - before, seconds, drafted, accepted }
}

/** What this process has used; the rest of a busy machine does not count. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function fastest(runs: readonly Answers[]): Answers {
  return runs.reduce((best, run) => (run.seconds < best.seconds ? run : best))
}
