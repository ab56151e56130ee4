/** A whole engine, worker and all, over a toy decoder. */
import { type EngineOptions, startEngine } from '../../src/engine/engine.ts'
import type { Engine, Generation, GenerationEvent } from '../../src/engine/types.ts'
import type { RecurrentToyOptions } from './recurrent-toy-decoder.ts'
import type { ToyDecoderOptions } from './toy-decoder.ts'

export const TOY_WORKER = new URL('./toy-engine-worker.ts', import.meta.url)

const LONGEST_WAIT_MS = 60_000

/** Collects log lines by level. */
export function recordingLogger() {
  const lines: string[] = []
  const record = (level: string) => (_: object, message: string) => {
    lines.push(`${level}: ${message}`)
  }
  return { lines, info: record('info'), warn: record('warn'), error: record('error') }
}

export function startToyEngine(
  toy: ToyDecoderOptions | RecurrentToyOptions = {},
  options: Partial<EngineOptions> = {},
): Promise<Engine> {
  return startEngine(
    {
      modelDir: JSON.stringify(toy),
      backend: 'reference',
      threads: 1,
      kvCacheBytes: 0,
      kvBlockSize: 4,
      maxRunning: 4,
      maxWaiting: 8,
      stepTokenBudget: 16,
      prefixCacheBlocks: 0,
      logger: recordingLogger(),
      ...options,
    },
    TOY_WORKER,
  )
}

export async function collect(generation: Generation): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = []
  for await (const event of generation) events.push(event)
  return events
}

export function idsOf(events: readonly GenerationEvent[], choice = 0): number[] {
  return events.flatMap((event) =>
    event.type === 'token' && event.choice === choice ? [event.id] : [],
  )
}

/** How it ended: finish reasons or an error code. */
export function endingsOf(events: readonly GenerationEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === 'finish' ? [event.reason] : event.type === 'error' ? [event.error.code] : [],
  )
}

/** Waits for a state that has to come; the limit allows for a machine that is busy with other things. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + LONGEST_WAIT_MS
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${LONGEST_WAIT_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
