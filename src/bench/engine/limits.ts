/** What the machine itself can do, measured in the same run. */
import { runToEnd } from './engine-process.ts'
import { peerProgram } from './peers.ts'

export interface MachineLimits {
  /** What measured them. */
  readonly source: string
  readonly readBytesPerSecond: number
  /** float32, a multiplication and an addition are two. */
  readonly floatOperationsPerSecond: number
  /** int8, counted alike. NumPy cannot say; the native runtime, which multiplies so, can. */
  readonly byteOperationsPerSecond: number | null
}

/** By NumPy, of the Python that runs the peers. Rejects with EngineFailure. */
export async function measureLimits(
  python: string,
  threads: number,
  limitMs: number,
): Promise<MachineLimits> {
  const program = peerProgram(python, 'limits', ['limits.py', String(threads)])
  const said = JSON.parse(await runToEnd(program, limitMs)) as MachineLimits
  return { ...said, byteOperationsPerSecond: said.byteOperationsPerSecond ?? null }
}
