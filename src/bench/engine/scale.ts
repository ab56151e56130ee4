/** What more sequences and longer contexts cost: ours alone. */
import { READ_POSITIONS } from './contexts.ts'
import { EngineFailure, EngineProcess, type EngineProgram } from './engine-process.ts'
import { type Decode, type Loaded, measureName } from './jobs.ts'

export interface ScalePoint {
  readonly sequences: number
  /** Positions before what is made, of each sequence its own. */
  readonly context: number
  /** Of all sequences together, best round. */
  readonly tokensPerSecond: number
}

export interface ScaleReport {
  readonly model: string
  readonly engine: string
  readonly settings: string
  /** From short to long contexts, of each from few to many sequences. */
  readonly points: readonly ScalePoint[]
  /** Points that are missing, each with the reason. */
  readonly missing: readonly string[]
}

export interface ScalePlan {
  readonly sequences: readonly number[]
  readonly contexts: readonly number[]
  /** Of the model. */
  readonly maxPositions: number
  readonly steps: number
  readonly rounds: number
  /** Of everything; points that are not measured by then are missing. */
  readonly limitMs: number
}

/** Rejects with EngineFailure when nothing can be loaded. */
export async function measureScale(
  model: string,
  program: EngineProgram,
  { sequences, contexts, maxPositions, steps, rounds, limitMs }: ScalePlan,
  say: (line: string) => void,
): Promise<ScaleReport> {
  const end = performance.now() + limitMs
  const left = () => Math.max(1, end - performance.now())
  const { process, loaded } = await EngineProcess.start(program, left())
  await using _process = process
  const todo = [...contexts]
    .sort((a, b) => a - b)
    .flatMap((context) =>
      sequences.map((batch): Decode => ({ kind: 'decode', context, batch, steps })),
    )
  const reasonOf = (decode: Decode) => whyNot(decode, maxPositions, loaded.kv)
  const missing = [...Map.groupBy(todo, reasonOf)].flatMap(([reason, decodes]) =>
    reason === undefined ? [] : [`${namesOf(decodes)}: ${reason}`],
  )
  const points: ScalePoint[] = []
  const fitting = todo.filter((decode) => reasonOf(decode) === undefined)
  for (const decode of fitting) {
    say(`${measureName(decode)} …`)
    let best = 0
    try {
      for (let round = 0; round < rounds; round++) {
        const { tokens, seconds } = await process.run(decode, left())
        best = Math.max(best, tokens / seconds)
      }
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      say(error.message)
      missing.push(`${namesOf(fitting.slice(points.length))}: ${error.message}`)
      break
    }
    const { batch, context } = decode
    points.push({ sequences: batch, context, tokensPerSecond: best })
  }
  const { engine, settings } = loaded
  return { model, engine, settings, points, missing }
}

const namesOf = (decodes: readonly Decode[]) => decodes.map(measureName).join(', ')

/** Why it cannot be measured; undefined when it can. */
function whyNot(decode: Decode, maxPositions: number, kv: Loaded['kv']): string | undefined {
  if (decode.context > maxPositions) return `the model has ${maxPositions} positions`
  if (kv === undefined) return undefined
  const positions = roomFor(decode)
  if (positions <= kv.positions) return undefined
  const gigabytes = (count: number) =>
    `${((count / kv.positions) * (kv.bytes / 1e9)).toFixed(1)} GB`
  return `its keys and values take ${gigabytes(positions)}, the cache has ${gigabytes(kv.positions)}`
}

/** Contexts stay, sequences that go on from them come and go, and each may begin a block of its own. */
export function positionsFor(decodes: readonly Omit<Decode, 'kind'>[]): number {
  const kept = new Map<number, number>()
  let most = 0
  for (const { context, batch, steps } of decodes) {
    kept.set(context, Math.max(kept.get(context) ?? 0, batch))
    most = Math.max(most, batch * (steps + SPARE))
  }
  return [...kept].reduce((sum, [context, batch]) => sum + batch * (context + SPARE), most)
}

/** Of one decode alone, and what its contexts are copied of. */
function roomFor(decode: Decode): number {
  return positionsFor([decode]) + READ_POSITIONS
}

/** Positions of a sequence that blocks leave empty, and warm steps. */
const SPARE = 64
