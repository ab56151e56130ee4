/**
 * Weights as ONNX Runtime can read them. What is stored in blocks, or changed by a converter, is widened to floats in
 * a file of its own, one tensor after the other, which lives until the runtime has read it. A runtime that computes
 * with the blocks themselves takes `Weights.readBytes` instead.
 */
import { mkdtemp, open, readdir, realpath, rm, statfs } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Graph } from '../../../models/graph/graph.ts'
import { AerieError } from '../../errors.ts'
import { isProcessAlive } from '../../process-alive.ts'
import { isBlockType } from '../../weights/gguf-blocks.ts'
import type { WeightTensor } from '../../weights/weights.ts'
import { writeAll } from '../../write-all.ts'
import type { ModelFiles } from './model-files.ts'

/** Floats begin at multiples of a cache line. */
const ALIGNMENT = 64

/** Folders of widened weights bear the machine's name and the process's id, so that another process knows whose they are. */
const PREFIX = `aerie-weights-${hostname()}-`

/**
 * Calls `use` with the graph's weights, none of them in blocks, and removes the file of those that had to be widened
 * when it is done, and before it begins those that a killed process left. Throws `invalid_package` for values that are no numbers, `backend_failure` when there is no room.
 */
export async function withPlainWeights<T>(
  graph: Graph,
  files: Pick<ModelFiles, 'checkpoint' | 'tensors'>,
  use: (tensors: ReadonlyMap<string, WeightTensor>) => Promise<T>,
): Promise<T> {
  await removeOrphans()
  const sources = graph.weights.flatMap(({ name }) => {
    const tensor = files.tensors.get(name)
    return tensor ? [[name, tensor] as const] : []
  })
  const widened = sources.filter(([, tensor]) => isWidened(tensor))
  if (widened.length === 0) return await use(files.tensors)
  const folder = await realpath(await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`)))
  try {
    const floats = await widen(join(folder, 'floats.bin'), widened, files)
    return await use(new Map([...files.tensors, ...floats]))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Of this machine's processes alone: other machines, containers among them, may share the folder. */
async function removeOrphans(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const id = name.startsWith(PREFIX) && /^(\d+)-\w{6}$/.exec(name.slice(PREFIX.length))?.[1]
    if (id && !isProcessAlive(Number(id)))
      await rm(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isWidened({ dtype, change }: WeightTensor): boolean {
  return isBlockType(dtype) || change !== undefined
}

async function widen(
  path: string,
  tensors: readonly (readonly [string, WeightTensor])[],
  files: Pick<ModelFiles, 'checkpoint'>,
): Promise<Map<string, WeightTensor>> {
  const placed = new Map<string, WeightTensor>()
  let end = 0
  for (const [name, { shape }] of tensors) {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    const byteLength = shape.reduce((product, size) => product * size, 4)
    placed.set(name, { name, dtype: 'F32', shape, path, offset, byteLength })
    end = offset + byteLength
  }
  await requireRoom(path, end)
  await using file = await open(path, 'wx')
  for (const [name, tensor] of tensors) {
    const floats = await files.checkpoint.readFloats(tensor)
    if (!floats.every(Number.isFinite))
      throw new AerieError(
        'invalid_package',
        `tensor ${tensor.name} holds values that are no numbers`,
      )
    await writeAll(file, new Uint8Array(floats.buffer), placed.get(name)!.offset)
  }
  return placed
}

async function requireRoom(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(join(path, '..'))
  if (bavail * bsize >= bytes) return
  throw new AerieError(
    'backend_failure',
    `the weights take ${bytes} bytes as floats, and ${tmpdir()} has ${bavail * bsize} free: set TMPDIR to a folder with more`,
  )
}
