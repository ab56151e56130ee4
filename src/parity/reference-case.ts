/** A case as the published code recorded it: a checkpoint, what was put in, and the tensors of every stage. */
import { access, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { AerieError } from '../errors.ts'
import { Checkpoint } from '../weights/checkpoint.ts'

export interface ReferenceTensor {
  /** Of the whole tensor. */
  readonly shape: readonly number[]
  /** Of what is {@link kept}. */
  readonly values: Float32Array | Float64Array
  /** Where `cut` of expected.json says that only some rows are stored; whole otherwise. */
  readonly kept?: KeptRows
  /** Ids, codes and grids, which must be equal. */
  readonly isInteger: boolean
}

/** Rows, which lie along the axis before the last, from the first one on. */
export interface KeptRows {
  /** Every so many of them. */
  readonly every: number
  /** Before they were cut. */
  readonly of: number
}

export interface ReferenceCase {
  readonly name: string
  readonly folder: string
  /** Folder of the checkpoint in its published layout. */
  readonly checkpoint: string
  /** expected.json; its layout is the family's. */
  readonly expected: Readonly<Record<string, unknown>>
  readonly tensors: ReadonlyMap<string, ReferenceTensor>
}

const TENSORS = 'expected.safetensors'

/** Reads a case; one that is a table has no tensors. Throws `invalid_package` when it is incomplete or damaged. */
export async function readCase(folder: string): Promise<ReferenceCase> {
  const path = join(folder, 'expected.json')
  let expected: Record<string, unknown>
  try {
    expected = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  } catch (cause) {
    throw new AerieError('invalid_package', `${path}: ${(cause as Error).message}`, { cause })
  }
  const hasTensors = await access(join(folder, TENSORS)).then(
    () => true,
    () => false,
  )
  const cut = new Map(Object.entries((expected['cut'] ?? {}) as Record<string, KeptRows>))
  const tensors = hasTensors ? await readTensors(folder, cut) : new Map<string, ReferenceTensor>()
  return {
    name: String(expected['case'] ?? basename(folder)),
    folder,
    checkpoint: join(folder, String(expected['checkpoint'] ?? 'checkpoint')),
    expected,
    tensors,
  }
}

async function readTensors(
  folder: string,
  cut: ReadonlyMap<string, KeptRows>,
): Promise<Map<string, ReferenceTensor>> {
  await using file = await Checkpoint.openFile(folder, TENSORS)
  const tensors = new Map<string, ReferenceTensor>()
  for (const [name, tensor] of file.tensors) {
    const kept = cut.get(name)
    tensors.set(name, {
      shape: kept ? wholeShape(name, tensor.shape, kept) : tensor.shape,
      values: await file.readFloats(tensor),
      isInteger: !/^(B?F)/.test(tensor.dtype),
      ...(kept ? { kept } : {}),
    })
  }
  return tensors
}

function wholeShape(name: string, stored: readonly number[], kept: KeptRows): readonly number[] {
  const { every, of } = kept
  const rows = stored.at(-2)
  if (!Number.isInteger(every) || every < 1 || rows !== Math.ceil(of / every)) {
    const said = JSON.stringify(kept)
    const message = `cut.${name}: ${said} does not give the ${rows} rows of ${TENSORS}`
    throw new AerieError('invalid_package', message)
  }
  return stored.with(-2, of)
}

/** Integers that a case records in its expected.json, as a tensor. */
export function integers(
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): ReferenceTensor {
  return { shape, values: Float64Array.from(values), isInteger: true }
}
