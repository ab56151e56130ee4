/** Programs that play engines, for tests of the benchmark of engines. */
import type { EngineProgram } from '../../src/bench/engine/engine-process.ts'
import type { Decode, Loaded, Measure } from '../../src/bench/engine/jobs.ts'
import type { MachineLimits } from '../../src/bench/engine/limits.ts'

export const PREFILL: Measure = { kind: 'prefill', tokens: 512 }
export const DECODE: Decode = { kind: 'decode', context: 64, batch: 8, steps: 4 }
export const LIMITS: MachineLimits = {
  source: 'a test',
  threads: 2,
  readBytesPerSecond: 1000,
  floatOperationsPerSecond: 1,
  byteOperationsPerSecond: 64_000,
  nibbleOperationsPerSecond: 128_000,
}

/** Answers as an engine does, but for what `body` does with a line first. */
export function engineProgram(
  name: string,
  body = '',
  loaded: Partial<Loaded> = {},
): EngineProgram {
  const said: Loaded = {
    ...{ type: 'loaded', engine: `${name} 1.0`, settings: 'none', weightBytes: 100 },
    ...loaded,
  }
  return {
    name,
    command: process.execPath,
    args: [
      '-e',
      `const say = (message) => console.log(JSON.stringify(message))
       say(${JSON.stringify(said)})
       require('node:readline').createInterface(process.stdin).on('line', (line) => {
         ${body}
         say({ type: 'ran', tokens: 10, seconds: 0.5 })
       })`,
    ],
  }
}
