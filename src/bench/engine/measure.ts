/** Runs several engines against each other: each in a process of its own, one at a time, in turns. */
import { setTimeout as delay } from 'node:timers/promises'
import { CommandFailure } from '../../cli/command.ts'
import { EngineFailure, EngineProcess, type EngineProgram } from './engine-process.ts'
import { type Loaded, type Measure, measureName } from './jobs.ts'

/** Threads of the one that ran are asleep after it. */
const REST_MS = 250

export interface Contestant {
  readonly name: string
  /** Without ours there is nothing to compare: its failure is the benchmark's. */
  readonly isOurs: boolean
  readonly program: EngineProgram
}

/** Times of one measure, of every round that was run. */
export interface Times {
  readonly measure: Measure
  /** Of each round the same. */
  tokens: number
  readonly seconds: number[]
}

export interface Measured {
  readonly contestant: Contestant
  /** Undefined when it could not be loaded. */
  readonly loaded: Loaded | undefined
  readonly times: readonly Times[]
  /** Why it was left out from some time on. */
  readonly failure: string | undefined
}

export interface MeasureOptions {
  readonly rounds: number
  /** For each answer. */
  readonly limitMs: number
  readonly say: (line: string) => void
}

interface Running {
  readonly contestant: Contestant
  readonly process: EngineProcess | undefined
  readonly loaded: Loaded | undefined
  readonly times: Times[]
  failure: string | undefined
}

/**
 * The first run of every measure does not count: it reads the contexts. Rejects with CommandFailure when ours fails; a peer that
 * fails, or does not answer within the limit, is out and says why.
 */
export async function measureInTurns(
  contestants: readonly Contestant[],
  measures: readonly Measure[],
  { rounds, limitMs, say }: MeasureOptions,
): Promise<Measured[]> {
  await using started = new AsyncDisposableStack()
  const running: Running[] = []
  const attempt = async (who: Running, run: () => Promise<void>) => {
    try {
      await run()
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      if (who.contestant.isOurs) throw new CommandFailure(error.message, { cause: error })
      who.failure = error.message
      say(`left out from here on: ${error.message}`)
    }
  }
  for (const contestant of contestants) {
    say(`loading ${contestant.name} …`)
    const times = measures.map((measure): Times => ({ measure, tokens: 0, seconds: [] }))
    let who: Running = {
      contestant,
      times,
      process: undefined,
      loaded: undefined,
      failure: undefined,
    }
    await attempt(who, async () => {
      const { process, loaded } = await EngineProcess.start(contestant.program, limitMs)
      started.use(process)
      who = { ...who, process, loaded }
    })
    running.push(who)
  }
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'reading contexts …' : `round ${round} of ${rounds} …`)
    for (const [i, measure] of measures.entries()) {
      for (const who of running) {
        if (!who.process || who.failure !== undefined) continue
        await attempt(who, async () => {
          const { tokens, seconds } = await who.process!.run(measure, limitMs)
          say(`  ${who.contestant.name}, ${measureName(measure)}: ${(tokens / seconds).toFixed(1)}`)
          const times = who.times[i]!
          times.tokens = tokens
          if (round > 0) times.seconds.push(seconds)
        })
        await delay(REST_MS)
      }
    }
  }
  return running
}
