/** A whole engine, worker and all, over a toy decoder. */
import { type EngineOptions, startEngine } from '../../src/engine/engine.ts'
import type { Engine, Generation, GenerationEvent } from '../../src/engine/types.ts'
import type { RecurrentToyOptions } from './recurrent-toy-decoder.ts'
import type { ToyDecoderOptions } from './toy-decoder.ts'

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
    new URL('./toy-engine-worker.ts', import.meta.url),
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

/** Polls until `condition` holds; fails after `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 5000): Promise<number> {
  const startedAt = performance.now()
  while (!condition()) {
    if (performance.now() - startedAt > timeoutMs) throw new Error(`not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return performance.now() - startedAt
}
