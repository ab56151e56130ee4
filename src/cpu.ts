/** What the processor is: model, cores, the instruction sets that decide speed. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'

export interface Cpu {
  readonly model: string
  /** Cores without hyper-threads, and no more than this process may use. */
  readonly physicalCores: number
  /** Hardware threads that this process may use. */
  readonly logicalCores: number
  /** Of the instruction sets below, those that are there; asimd is Arm Neon. */
  readonly features: readonly string[]
}

const INTERESTING = [
  'avx2',
  'avx512f',
  'avx512_vnni',
  'avx_vnni',
  'amx_int8',
  'asimd',
  'asimddp',
  'sve',
]

/** Reads the processor of this machine; where there is no /proc, from what Node tells. */
export function readCpu(): Cpu {
  let cpuinfo = ''
  try {
    cpuinfo = readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    // macOS and Windows have no /proc; what remains is said by node:os.
  }
  return parseCpu(cpuinfo, cpus()[0]?.model ?? 'unknown', availableParallelism())
}

/** Threads of the decoder, and of the towers, unless the configuration says otherwise: both run at once. */
export function defaultThreads(): number {
  return Math.max(1, Math.floor(readCpu().physicalCores / 2))
}

/** Pure part of {@link readCpu}: Linux's cpuinfo text, a fallback model name, usable hardware threads. */
export function parseCpu(cpuinfo: string, model: string, logicalCores: number): Cpu {
  const cores = new Set<string>()
  let flags: string[] = []
  for (const processor of cpuinfo.split('\n\n')) {
    const field = (name: string) =>
      new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(processor)?.[1]?.trim()
    const core = field('core id')
    if (core !== undefined) cores.add(`${field('physical id') ?? 0}/${core}`)
    flags = (field('flags') ?? field('Features'))?.split(' ') ?? flags
  }
  return {
    model: model.trim(),
    physicalCores: cores.size === 0 ? logicalCores : Math.min(cores.size, logicalCores),
    logicalCores,
    features: INTERESTING.filter((name) => flags.includes(name)),
  }
}
