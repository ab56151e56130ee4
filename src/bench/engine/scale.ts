/** What more sequences and longer contexts cost: ours alone. */
import { EngineFailure, EngineProcess, type EngineProgram } from './engine-process.ts'
import { type Decode, measureName } from './jobs.ts'

export interface ScalePoint {
  readonly sequences: number
  readonly context: number
  /** Of all sequences together, best round. */
  readonly tokensPerSecond: number
}

export interface ScaleReport {
  readonly model: string
  readonly engine: string
  /** Of one context and more and more sequences. */
  readonly bySequences: readonly ScalePoint[]
  /** Of one sequence and longer and longer contexts. */
  readonly byContext: readonly ScalePoint[]
  /** Points that are missing, each with the reason. */
  readonly missing: readonly string[]
}

export interface ScalePlan {
  /** Of every point of `sequences`. */
  readonly context: number
  readonly sequences: readonly number[]
  readonly contexts: readonly number[]
  readonly steps: number
  readonly rounds: number
  /** Of everything; points that are not measured by then are missing. */
  readonly limitMs: number
}

/** `programOf` gets the positions that the cache has to hold. Rejects with EngineFailure when nothing can be loaded. */
export async function measureScale(
  model: string,
  programOf: (positions: number) => EngineProgram,
  plan: ScalePlan,
  say: (line: string) => void,
): Promise<ScaleReport> {
  const { context, steps, rounds } = plan
  const end = performance.now() + plan.limitMs
  const bySequences = plan.sequences.map(
    (batch): Decode => ({ kind: 'decode', context, batch, steps }),
  )
  const byContext = plan.contexts.map(
    (length): Decode => ({ kind: 'decode', context: length, batch: 1, steps }),
  )
  const first = await series(programOf, bySequences, { rounds, end }, say)
  const second = await series(programOf, byContext, { rounds, end }, say)
  return {
    model,
    engine: first.engine,
    bySequences: first.points,
    byContext: second.points,
    missing: [...first.missing, ...second.missing],
  }
}

/** From few to many, until `end`; what comes after a point that takes too long would take longer. */
async function series(
  programOf: (positions: number) => EngineProgram,
  decodes: readonly Decode[],
  { rounds, end }: { readonly rounds: number; readonly end: number },
  say: (line: string) => void,
): Promise<Pick<ScaleReport, 'engine' | 'missing'> & { readonly points: ScalePoint[] }> {
  const program = programOf(positionsFor(decodes))
  if (performance.now() >= end)
    return { engine: '', points: [], missing: [`${namesOf(decodes)}: no time was left`] }
  const left = () => Math.max(1, end - performance.now())
  const { process, loaded } = await EngineProcess.start(program, left())
  await using _process = process
  const points: ScalePoint[] = []
  for (const decode of decodes) {
    say(`${measureName(decode)} …`)
    const rates: number[] = []
    try {
      // The first run reads the contexts.
      for (let round = 0; round <= rounds; round++) {
        const { tokens, seconds } = await process.run(decode, left())
        if (round > 0) rates.push(tokens / seconds)
      }
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      const rest = namesOf(decodes.slice(points.length))
      say(error.message)
      return { engine: loaded.engine, points, missing: [`${rest}: ${error.message}`] }
    }
    const { batch: sequences, context } = decode
    points.push({ sequences, context, tokensPerSecond: Math.max(...rates) })
  }
  return { engine: loaded.engine, points, missing: [] }
}

function namesOf(decodes: readonly Decode[]): string {
  return decodes.map(measureName).join(', ')
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

/** Positions of a sequence that blocks leave empty, and warm steps. */
const SPARE = 64
