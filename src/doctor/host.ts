/** The machine itself: processor, memory, Node. */
import { freemem, totalmem } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { isNewEnough, NEEDED, packagedNode } from '../../bin/node-version.js'
import { searchPath } from '../config.ts'
import { readCpu } from '../cpu.ts'
import { usualModelMemory } from '../serving/memory-budget.ts'
import type { Finding } from './finding.ts'
import { firstLine } from './output.ts'

const GiB = 1024 ** 3
/** What the server takes at rest with its caches full, roughly; below it, it may be killed. */
const COMFORTABLE_BYTES = 1.5 * GiB

/** Model, cores and the instruction sets that int8 and fp32 kernels use. */
export function checkCpu(): Finding {
  const cpu = readCpu()
  const isFast = cpu.features.includes('avx2') || cpu.features.includes('asimd')
  return {
    name: 'CPU',
    state: isFast ? 'ok' : 'note',
    text:
      `${cpu.model}, ${cpu.physicalCores} cores, ${cpu.logicalCores} threads` +
      ` (${cpu.features.join(' ') || 'no AVX2 or Neon'})`,
    ...(isFast ? {} : { advice: 'it works, several times slower than with AVX2' }),
  }
}

/** Memory that this process may use: the machine's, or its container's limit. */
export function checkMemory(): Finding {
  const limit = process.constrainedMemory()
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  const free = Math.min(limit > 0 ? process.availableMemory() : freemem(), total)
  const isEnough = free >= COMFORTABLE_BYTES
  return {
    name: 'Memory',
    state: isEnough ? 'ok' : 'note',
    text:
      `${(free / GiB).toFixed(1)} of ${(total / GiB).toFixed(1)} GiB available;` +
      ` several models may take ${(usualModelMemory() / GiB).toFixed(1)} GiB unless --model-memory-bytes says otherwise`,
    ...(isEnough
      ? {}
      : { advice: 'lower --kv-cache-bytes, --encoder-cache-bytes and --media-max-bytes-in-use' }),
  }
}

/** The Node in use, and the one that the shell would find. */
export async function checkNode(): Promise<Finding> {
  const used = process.versions.node
  const where = process.execPath === packagedNode() ? 'from node_modules' : process.execPath
  const host = await hostNode()
  const isRight = isNewEnough(used)
  return {
    name: 'Node',
    state: isRight ? 'ok' : 'bad',
    text: `${used} in use (${where}), ${host ? `${host} on the host` : 'none on the host'}`,
    ...(isRight ? {} : { advice: `install Node ${NEEDED.join('.')} or newer` }),
  }
}

/** Version of the first `node` on the search path outside node_modules, as npm puts its own first. */
async function hostNode(): Promise<string | undefined> {
  for (const folder of searchPath()) {
    if (!isAbsolute(folder) || folder.includes('node_modules')) continue
    const version = await firstLine(join(folder, 'node'), ['--version'])
    if (version !== undefined) return version.replace(/^v/, '')
  }
  return undefined
}
