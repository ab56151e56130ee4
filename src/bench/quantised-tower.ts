/** The tower of `aerie bench tower` as `aerie import --quantize int8` would have it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { linearWeights } from '../../models/graph/linear-weights.ts'
import { RowPool } from '../quantise/row-pool.ts'
import { writeTensors } from '../quantise/write-tensors.ts'
import { Checkpoint } from '../weights/checkpoint.ts'
import { INT8_FOLDER, towerGraph } from './tower-forms.ts'

/** Writes the linear layers of an exported tower with one scale a row, and everything else as it is. */
export async function quantiseTower(folder: string): Promise<void> {
  await mkdir(join(folder, INT8_FOLDER), { recursive: true })
  await using checkpoint = await Checkpoint.open(folder)
  await using pool = new RowPool()
  const linear = new Set([...linearWeights(towerGraph(folder))].map(({ name }) => name))
  const tensors = [...checkpoint.tensors.values()].map((tensor) => ({
    tensor,
    name: tensor.name,
    form: linear.has(tensor.name) ? ({ kind: 'rows' } as const) : undefined,
  }))
  await writeTensors(join(folder, INT8_FOLDER, 'model.safetensors'), tensors, { pool })
}
