/** A program of its own: holds one form of a tower, and runs it whenever it is told to. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TowerJob, type TowerSaid, towerRunner } from './tower-forms.ts'

const job = JSON.parse(process.argv[2]!) as TowerJob
const say = (message: TowerSaid) => process.send!(message)

const bytes = readFileSync(join(job.folder, job.pixels))
const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
const start = performance.now()
const run = await towerRunner(job)
say({ type: 'loaded', seconds: (performance.now() - start) / 1000 })

// What it computes is compared once; runs that count give nothing away but their time.
let isFirst = true
process.on('message', () => void answer())

async function answer(): Promise<void> {
  const start = performance.now()
  const features = await run(pixels)
  const seconds = (performance.now() - start) / 1000
  if (isFirst) await writeFile(join(job.folder, `${job.form}.features`), bytesOf(features))
  isFirst = false
  say({ type: 'ran', seconds, peakBytes: process.resourceUsage().maxRSS * 1024 })
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
}
