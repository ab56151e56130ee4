/** A program of its own: holds one form of a tower, and runs it whenever it is told to. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serveMeasured, timed } from './measured-program.ts'
import { type TowerJob, towerRunner } from './tower-forms.ts'

await serveMeasured(async (job: TowerJob) => {
  const bytes = readFileSync(join(job.folder, job.pixels))
  const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const run = await towerRunner(job)
  // What it computes is compared once; runs that count give nothing away but their time.
  let isFirst = true
  return async () => {
    const { result, ...times } = await timed(() => run(pixels))
    if (isFirst) await writeFile(join(job.folder, `${job.form}.features`), bytesOf(result))
    isFirst = false
    return times
  }
})

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
}
