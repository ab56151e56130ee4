/** A model's folder as an import would quantise it. */
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModelConfig } from '../../models/load-config.ts'
import type { QuantiseOptions } from '../../src/quantise/methods.ts'
import { planQuantisation } from '../../src/quantise/plan.ts'
import { RowPool } from '../../src/quantise/row-pool.ts'
import { writeTensors } from '../../src/quantise/write-tensors.ts'
import { Checkpoint } from '../../src/weights/checkpoint.ts'

/** Quantises everything that can be, in place. */
export async function quantiseFolder(folder: string, options: QuantiseOptions): Promise<void> {
  const path = join(folder, 'model.safetensors')
  const aside = join(mkdtempSync(join(tmpdir(), 'aerie-quantised-')), 'new.safetensors')
  await using pool = new RowPool(1)
  await using checkpoint = await Checkpoint.open(folder)
  const plan = planQuantisation(await loadModelConfig(folder), checkpoint.tensors.values(), options)
  const tensors = [...checkpoint.tensors.values()]
  await writeTensors(
    aside,
    tensors.map((tensor) => ({ tensor, name: tensor.name, form: plan.get(tensor)?.form })),
    { pool },
  )
  cpSync(aside, `${path}.new`)
  renameSync(`${path}.new`, path)
  rmSync(join(aside, '..'), { recursive: true })
}
