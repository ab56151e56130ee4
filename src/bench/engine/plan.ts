/** The whole benchmark of engines, part by part. */
import { mkdir } from 'node:fs/promises'
import { freemem, loadavg } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../../cli/command.ts'
import { hardware } from '../report.ts'
import type { ChatsReport, LlamaFiles } from './chats.ts'
import type { Part } from './command.ts'
import { EngineFailure, type EngineProgram } from './engine-process.ts'
import { type Measure, WARM_STEPS } from './jobs.ts'
import { type MachineLimits, measureLimits } from './limits.ts'
import { type Contestant, measureInTurns } from './measure.ts'
import { checkpointOf, converted, formName, projectorsOf, quantised, seeingOf } from './models.ts'
import type { OurCache, OurJob } from './our-engine.ts'
import { type Peer, runProgram } from './peers.ts'
import type { EngineReport, ModelReport } from './report.ts'
import { positionsFor } from './scale.ts'
import {
  pictureTokens,
  SHAPES,
  type ShapeName,
  type StepWeights,
  stepWeights,
  TOWERS,
} from './shapes.ts'
import { type SummaryOptions, summarise } from './summary.ts'

export interface EnginePlan {
  readonly peers: readonly Peer[]
  readonly python: string
  readonly shapes: readonly ShapeName[]
  readonly parts: readonly Part[]
  readonly gguf: string | undefined
  readonly rounds: number
  /** Tokens of a decode. */
  readonly steps: number
  readonly threads: number
  readonly clients: number
  readonly contexts: readonly number[]
  readonly sequences: readonly number[]
  readonly limitMs: number
  readonly cache: string
  readonly backend: string
}

type Say = (line: string) => void

/**
 * Of our forms, what chats and scale are measured with: about as many bits a weight as every peer's. Random weights lose nothing
 * by being rounded to the nearest.
 */
const SERVED = { method: 'int4-pure', group: 32 } as const
const FORMS = [SERVED, { method: 'int4-pure', group: 128 }, { method: 'int4', group: 32 }] as const
/** For what is made once: exports of large models take their time. */
const CONVERT_MS = 45 * 60_000
const PROMPT = 512
const BATCH = 8
const [SHORT, LONG] = [64, 1024]
const CHATS = ['pictures', 'texts'] as const
/** As `llama_cpp_peer.py` calls it. */
const LLAMA_FILE = 'model.gguf'
const SCALE_ROUNDS = 3
/** Times as long as one answer may take, for all points together. */
const SCALE_LIMITS = 1.5
/** For the keys and values of all sequences, where the machine has twice as much free. */
const SCALE_KV_BYTES = 4 * 2 ** 30
/** Of a chat: a prompt of a picture, or of as much text instead, and a question; and a short answer. */
const CHAT = { promptTokens: 512, answerTokens: 64, rounds: 3 } as const
/** Bytes of float32. */
const FLOAT = 4

/**
 * `save` gets what there is so far after every part: all of it takes long. Rejects with CommandFailure when ours fails; a peer
 * that fails is left out by name.
 */
export async function measureEngines(
  plan: EnginePlan,
  say: Say,
  save: (report: EngineReport) => Promise<void>,
): Promise<EngineReport> {
  await mkdir(plan.cache, { recursive: true })
  let report: EngineReport = {
    date: new Date().toISOString().slice(0, 10),
    hardware: hardware(),
    node: process.versions.node,
    loadAverage: loadavg()[0]!,
    backend: plan.backend,
    threads: plan.threads,
    rounds: plan.rounds,
    limits: limitsOf(plan, say),
    models: [],
    leftOut: [],
    accuracy: null,
    chats: [],
    scale: null,
  }
  const add = async (more: Partial<EngineReport>, leftOut: readonly LeftOut[] = []) => {
    report = { ...report, ...more, leftOut: [...report.leftOut, ...leftOut] }
    await save(report)
  }
  const addModel = (model: ModelReport, missing: readonly LeftOut[]) => {
    const failed = model.contestants.flatMap(({ name, failure }) =>
      failure === null ? [] : [{ peer: name, model: model.name, reason: failure }],
    )
    return add({ models: [...report.models, model] }, [...missing, ...failed])
  }
  const has = (part: Part) => plan.parts.includes(part)
  const limits = report.limits ?? undefined
  for (const shape of has('decode') ? plan.shapes : []) {
    const { contestants, missing } = await contestantsOf(shape, plan, say)
    const weights = stepWeights(SHAPES[shape])
    await addModel(await compared(shape, contestants, { weights, limits }, plan, say), missing)
  }
  const { gguf } = plan
  if (gguf !== undefined && has('decode')) {
    const of = { weights: await storedWeights(gguf), limits }
    await addModel(await compared(basename(gguf), ggufContestants(gguf, plan), of, plan, say), [])
  }
  if (gguf !== undefined && has('accuracy')) {
    const accuracy = await accuracyOf(gguf, plan, say)
    await add({ accuracy }, missingIn(accuracy.model, accuracy.leftOut))
  }
  for (const about of has('chats') ? CHATS : []) {
    const chats = await chatsOf(about, plan, say)
    const name = `${chats.model}, chats about ${about}`
    await add({ chats: [...report.chats, chats] }, missingIn(name, chats.leftOut))
  }
  if (has('scale')) await add({ scale: await scaleOf(plan, say) })
  return report
}

type LeftOut = EngineReport['leftOut'][number]

function missingIn(model: string, reasons: readonly string[]): LeftOut[] {
  return reasons.map((reason) => ({ peer: 'llama.cpp', model, reason }))
}

/** What fails there is ours. */
async function ours<T>(run: Promise<T>): Promise<T> {
  try {
    return await run
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error
    throw new CommandFailure(error.message, { cause: error })
  }
}

function limitsOf({ threads }: EnginePlan, say: Say): MachineLimits | null {
  say('measuring the machine …')
  const limits = measureLimits(threads)
  if (!('reason' in limits)) return limits
  say(`without the limits of the machine: ${limits.reason}`)
  return null
}

function measuresOf({ steps }: EnginePlan): Measure[] {
  const decode = (batch: number, context: number): Measure => ({
    kind: 'decode',
    batch,
    context,
    steps,
  })
  return [
    { kind: 'prefill', tokens: PROMPT },
    decode(1, SHORT),
    decode(1, LONG),
    decode(BATCH, SHORT),
  ]
}

async function compared(
  name: string,
  contestants: readonly Contestant[],
  of: Pick<SummaryOptions, 'weights' | 'limits'>,
  plan: EnginePlan,
  say: Say,
): Promise<ModelReport> {
  say(`${name}:`)
  const measured = await measureInTurns(contestants, measuresOf(plan), { ...plan, say })
  return { name, weights: of.weights, ...summarise(measured, { ...of, rounds: plan.rounds }) }
}

function ggufContestants(gguf: string, plan: EnginePlan): Contestant[] {
  const { peers, python, threads } = plan
  const own = ourContestant('Aerie', gguf, plan)
  if (!peers.includes('llama.cpp')) return [own]
  const program = runProgram(python, 'llama.cpp', gguf, threads)
  return [own, { name: 'llama.cpp', isOurs: false, program }]
}

async function contestantsOf(shape: ShapeName, plan: EnginePlan, say: Say) {
  say(`making ${shape} …`)
  const checkpoint = await checkpointOf(plan.cache, shape, SHAPES[shape])
  const contestants: Contestant[] = []
  for (const form of FORMS) {
    const model = await quantised(checkpoint, form)
    contestants.push(ourContestant(`Aerie ${formName(form)}`, model, plan))
  }
  const missing: LeftOut[] = []
  for (const peer of plan.peers) {
    say(`converting for ${peer} …`)
    try {
      const { python, threads } = plan
      const model = await converted(checkpoint, peer, { python, limitMs: CONVERT_MS })
      const program = runProgram(python, peer, model, threads)
      contestants.push({ name: peer, isOurs: false, program })
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      say(error.message)
      missing.push({ peer, model: shape, reason: error.message })
    }
  }
  return { contestants, missing }
}

function ourContestant(name: string, model: string, plan: EnginePlan): Contestant {
  const decodes = measuresOf(plan).filter((measure) => measure.kind === 'decode')
  return {
    name,
    isOurs: true,
    program: ourProgram(name, model, plan, { positions: positionsFor(decodes) + PROMPT }),
  }
}

function ourProgram(
  name: string,
  model: string,
  { backend, threads }: EnginePlan,
  cache: OurCache,
): EngineProgram {
  const job: OurJob = { backend, model, threads, cache }
  const program = fileURLToPath(new URL('program.ts', import.meta.url))
  return { name, command: process.execPath, args: [program, JSON.stringify(job)] }
}

async function storedWeights(model: string): Promise<StepWeights> {
  const [{ openModelFiles }, { stepSize }] = await Promise.all([
    import('../../engine/backends/model-files.ts'),
    import('../../engine/backends/step-size.ts'),
  ])
  const files = await openModelFiles(model)
  await using _weights = files.checkpoint
  const { layers, head } = stepSize(files)
  return { layers, head }
}

async function accuracyOf(gguf: string, plan: EnginePlan, say: Say) {
  const { measureAccuracy } = await import('./accuracy.ts')
  const python = plan.peers.includes('llama.cpp') ? plan.python : undefined
  return await measureAccuracy(gguf, { ...plan, python, say })
}

async function chatsOf(
  about: (typeof CHATS)[number],
  plan: EnginePlan,
  say: Say,
): Promise<ChatsReport> {
  const [shape] = plan.shapes as [ShapeName]
  const { measureChats } = await import('./chats.ts')
  const { python, clients, peers } = plan
  const models = await chatModels(shape, plan, say)
  const { layers, kvHeads, headDim } = SHAPES[shape]
  const positions = 2 * clients * (CHAT.promptTokens + CHAT.answerTokens)
  const sees = about === 'pictures'
  return await measureChats(
    {
      ...plan,
      ...CHAT,
      model: shape,
      pictureTokens: sees ? pictureTokens(TOWERS[shape]) : undefined,
      ours: {
        ...plan,
        model: await (sees ? models.seeing() : models.decoder()),
        form: sees ? `${formName(SERVED)}, tower and projector int8` : formName(SERVED),
        maxRunning: clients,
        kvCacheBytes: positions * layers * 2 * kvHeads * headDim * FLOAT,
      },
      peer: peers.includes('llama.cpp') ? { python, files: models.llama } : undefined,
    },
    say,
  )
}

/** What the chats need, made when it is asked for. */
async function chatModels(shape: ShapeName, { cache, python }: EnginePlan, say: Say) {
  const checkpoint = await checkpointOf(cache, shape, SHAPES[shape])
  const source = () => seeingOf(checkpoint, SHAPES[shape], TOWERS[shape])
  const options = { python, limitMs: CONVERT_MS }
  return {
    decoder: () => quantised(checkpoint, SERVED),
    seeing: async () => quantised(await source(), SERVED, { name: 'seeing' }),
    llama: async (): Promise<LlamaFiles> => {
      say('converting for llama.cpp …')
      const folder = await converted(checkpoint, 'llama.cpp', options)
      return {
        gguf: join(folder, LLAMA_FILE),
        form: 'Q4_0',
        projectors: await projectorsOf(await source(), options),
      }
    },
  }
}

/** Makes and converts all that the plan would measure, and measures nothing. Gives the peers that fail. */
export async function convertModels(plan: EnginePlan, say: Say): Promise<readonly LeftOut[]> {
  await mkdir(plan.cache, { recursive: true })
  const leftOut: LeftOut[] = []
  for (const shape of plan.shapes) {
    leftOut.push(...(await contestantsOf(shape, plan, say)).missing)
    if (!plan.parts.includes('chats') || shape !== plan.shapes[0]) continue
    const models = await chatModels(shape, plan, say)
    say(`making ${shape} with a tower …`)
    await models.seeing()
    if (plan.peers.includes('llama.cpp')) {
      try {
        await models.llama()
      } catch (error) {
        if (!(error instanceof EngineFailure)) throw error
        leftOut.push({ peer: 'llama.cpp', model: `${shape}, chats`, reason: error.message })
      }
    }
  }
  return leftOut
}

async function scaleOf(plan: EnginePlan, say: Say) {
  const [shape] = plan.shapes as [ShapeName]
  const { measureScale } = await import('./scale.ts')
  const checkpoint = await checkpointOf(plan.cache, shape, SHAPES[shape])
  const model = await quantised(checkpoint, SERVED)
  const { steps } = plan
  const { maxPositions } = SHAPES[shape]
  // The longest stops short of the model's end by what is made behind it.
  const last = maxPositions - WARM_STEPS - steps
  const contexts = plan.contexts.map((context) =>
    context <= maxPositions ? Math.min(context, last) : context,
  )
  const name = `${shape}, Aerie ${formName(SERVED)}`
  const bytes = Math.min(SCALE_KV_BYTES, Math.floor(freemem() / 2))
  return await ours(
    measureScale(
      name,
      ourProgram(name, model, plan, { bytes }),
      {
        ...plan,
        contexts: [...new Set(contexts)],
        maxPositions,
        rounds: SCALE_ROUNDS,
        limitMs: SCALE_LIMITS * plan.limitMs,
      },
      say,
    ),
  )
}
