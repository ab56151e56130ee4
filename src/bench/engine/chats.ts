/** Many chats at once over HTTP: our server and llama-cpp-python's, with the same decoder and equally long chats, in turns. */
import { randomInt } from 'node:crypto'
import { CommandFailure } from '../../cli/command.ts'
import { type LoadResult, type RequestRecord, TEXT_NUMBER_DIGITS } from '../load.ts'
import { median } from '../median.ts'
import { firstModel } from '../options.ts'
import { basePictures, numberedUris } from '../pictures.ts'
import { runLoad } from '../run-load.ts'
import type { BenchServer } from '../server-process.ts'
import { type Spread, spread, summarise } from '../summary.ts'
import { askOnce, question, questionBytes } from './chat-prompt.ts'
import { LLAMA, type OurServer, startLlama, startOurs } from './chat-servers.ts'
import { EngineFailure } from './engine-process.ts'

export interface ServerReport {
  readonly name: string
  /** How it stores its weights. */
  readonly form: string
  /** Median of the rounds, and best. */
  readonly requestsPerSecond: number
  readonly best: number
  /** Of all rounds. */
  readonly tokensPerSecond: number
  readonly tokensPerAnswer: number
  /** Of all rounds. */
  readonly ttftMs: Pick<Spread, 'p50' | 'p95'>
  readonly failed: number
}

export interface ChatsReport {
  readonly model: string
  readonly clients: number
  /** What the chats are, in words. */
  readonly what: string
  readonly servers: readonly ServerReport[]
  /** Ours over llama.cpp's, by medians; null without a peer. */
  readonly ratio: number | null
  /** Why a server is missing. */
  readonly leftOut: readonly string[]
}

export interface ChatsPlan {
  readonly model: string
  /** Positions that a picture takes of the prompt; undefined: texts alone. */
  readonly pictureTokens: number | undefined
  readonly clients: number
  /** Of a whole prompt, templates and picture too. */
  readonly promptTokens: number
  readonly answerTokens: number
  readonly rounds: number
  readonly limitMs: number
  readonly threads: number
  readonly ours: OurServer & { readonly form: string }
  /** `files` makes what it reads. Undefined: ours alone. */
  readonly peer: { readonly python: string; readonly files: () => Promise<LlamaFiles> } | undefined
}

export interface LlamaFiles {
  readonly gguf: string
  readonly form: string
  /** Of its projector in several forms, of which the one is taken that answers a chat faster; none: texts alone. */
  readonly projectors: readonly { readonly path: string; readonly form: string }[]
}

interface Running {
  readonly name: string
  readonly form: string
  readonly server: BenchServer
  readonly model: string
  readonly questionBytes: number
  readonly results: LoadResult[]
}

/** Of a round, beside what the model takes. */
const NUMBERS_OF_A_ROUND = 1000
/** Chats before each round, which open connections and wake what sleeps. */
const WARM_UPS = 2

/** Rejects with CommandFailure when ours fails; llama.cpp's server is left out with the reason. */
export async function measureChats(
  plan: ChatsPlan,
  say: (line: string) => void,
): Promise<ChatsReport> {
  await using started = new AsyncDisposableStack()
  const { peer, clients, rounds } = plan
  const servers = [await startedOurs(plan, started, say)]
  const leftOut: string[] = []
  const leaveOut = (reason: string) => {
    leftOut.push(reason)
    say(reason)
  }
  if (peer) {
    try {
      servers.push(await startedLlama(peer, plan, started, say))
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      leaveOut(error.message)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const running of servers) {
      const { name, results } = running
      if (name === LLAMA && leftOut.length > 0) continue
      say(`round ${round + 1} of ${rounds}, ${clients} chats with ${name} …`)
      const failure = await runRound(running, plan, round, results)
      if (failure === undefined) continue
      if (name !== LLAMA) throw new CommandFailure(failure)
      leaveOut(failure)
      // It would go on with what nobody waits for.
      await running.server.stop()
    }
  }
  const reports = servers
    .filter(({ results }) => results.length === rounds)
    .map((running) => reportOf(running, plan))
  const [ours, theirs] = reports
  return {
    model: plan.model,
    clients,
    what: whatOf(plan),
    servers: reports,
    ratio: ours && theirs ? ours.requestsPerSecond / theirs.requestsPerSecond : null,
    leftOut,
  }
}

function whatOf({ pictureTokens, promptTokens, answerTokens }: ChatsPlan): string {
  const prompt =
    pictureTokens === undefined
      ? `texts of ${promptTokens} tokens, each unlike all others`
      : `one picture each, of photo size and unlike all others, which is ${pictureTokens} of the ${promptTokens} tokens of its prompt`
  return `${prompt}, answers of ${answerTokens}; tokens as each server counts them`
}

/** The reason when there is no answer within the limit. */
async function runRound(
  { name, server, model, questionBytes }: Running,
  { clients, answerTokens, limitMs, pictureTokens }: ChatsPlan,
  round: number,
  results: LoadResult[],
): Promise<string | undefined> {
  const isText = pictureTokens === undefined
  const load = {
    url: server.url,
    apiKey: undefined,
    model,
    question: question(isText ? questionBytes - TEXT_NUMBER_DIGITS : questionBytes),
    maxTokens: answerTokens,
    // llama.cpp's server would look at every logit in Python for it; that its answers are as long is seen before.
    answers: name === LLAMA ? 'natural' : 'exact',
    clients,
    requests: clients,
    warmUps: WARM_UPS,
    pictures: isText ? 'none' : 'distinct',
    seed: 1,
    firstPicture: round * NUMBERS_OF_A_ROUND,
  } as const
  try {
    results.push(await runLoad(load, AbortSignal.timeout(limitMs)))
    return undefined
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error
    return `${name}: ${clients} chats were not answered within ${limitMs / 1000} s, killed`
  }
}

async function startedOurs(
  plan: ChatsPlan,
  started: AsyncDisposableStack,
  say: (line: string) => void,
): Promise<Running> {
  say('starting Aerie …')
  const server = await startOurs(plan.ours)
  started.defer(() => server.stop())
  try {
    return { ...(await asked('Aerie', server, plan)), form: plan.ours.form }
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error
    throw new CommandFailure(error.message, { cause: error })
  }
}

async function startedLlama(
  { python, files }: NonNullable<ChatsPlan['peer']>,
  plan: ChatsPlan,
  started: AsyncDisposableStack,
  say: (line: string) => void,
): Promise<Running> {
  const { gguf, form, projectors } = await files()
  const start = async (projector: string | undefined) => {
    const { threads, limitMs } = plan
    const server = await startLlama({ python, gguf, projector, threads, limitMs })
    started.defer(() => server.stop())
    return server
  }
  if (plan.pictureTokens === undefined) {
    say(`starting ${LLAMA} …`)
    return { ...(await asked(LLAMA, await start(undefined), plan)), form }
  }
  let fastest: { readonly running: Running; readonly ms: number } | undefined
  for (const projector of projectors) {
    say(`starting ${LLAMA} with its projector in ${projector.form} …`)
    const server = await start(projector.path)
    const running = await asked(LLAMA, server, plan)
    const ask = await askOf(running, plan)
    const ms = Math.min(
      ...[await ask(running.questionBytes, 1), await ask(running.questionBytes, 1)].map(
        (chat) => chat.ms,
      ),
    )
    say(`a prompt takes it ${(ms / 1000).toFixed(2)} s`)
    if (fastest && fastest.ms <= ms) {
      await server.stop()
      continue
    }
    await fastest?.running.server.stop()
    fastest = { running: { ...running, form: `${form}, projector file ${projector.form}` }, ms }
  }
  if (!fastest) throw new Error(`${LLAMA} has no projector file`)
  return fastest.running
}

async function asked(name: string, server: BenchServer, plan: ChatsPlan): Promise<Running> {
  const model = await firstModel(server.url, undefined)
  const ask = await askOf({ name, server, model }, plan)
  return {
    ...{ name, server, model, form: '', results: [] },
    questionBytes: await questionBytes(name, ask, plan),
  }
}

async function askOf(
  { name, server, model }: Pick<Running, 'name' | 'server' | 'model'>,
  { pictureTokens }: ChatsPlan,
) {
  if (pictureTokens === undefined) return askOnce(name, server.url, model, undefined)
  const [photo] = await basePictures(1)
  const uris = numberedUris(photo!)
  return askOnce(name, server.url, model, () => uris(randomInt(2 ** 32)).toString())
}

function reportOf(
  { name, form, results }: Running,
  { clients, pictureTokens }: ChatsPlan,
): ServerReport {
  const pictures = pictureTokens === undefined ? 'none' : 'distinct'
  const rounds = results.map((result) => summarise({ clients, pictures }, result))
  const rates = rounds.map((round) => round.request_throughput)
  const done = results.flatMap(({ records }) => records).filter((record) => !record.error)
  const tokens = done.reduce((sum, record) => sum + answerTokens(record), 0)
  const seconds = results.reduce((sum, { durationMs }) => sum + durationMs / 1000, 0)
  return {
    name,
    form,
    requestsPerSecond: median(rates),
    best: Math.max(...rates),
    tokensPerSecond: tokens / seconds,
    tokensPerAnswer: done.length === 0 ? 0 : tokens / done.length,
    ttftMs: spread(done.flatMap(({ ttftMs }) => ttftMs ?? [])),
    failed: rounds.reduce((sum, round) => sum + round.failed, 0),
  }
}

/** A server that does not count sends a piece a token. */
function answerTokens({ completionTokens, ttftMs, gapsMs }: RequestRecord): number {
  if (completionTokens > 0) return completionTokens
  return ttftMs === undefined ? 0 : gapsMs.length + 1
}
