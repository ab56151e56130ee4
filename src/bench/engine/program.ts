/** A program of its own: a decoder of ours, measured as `jobs.ts` says whenever a line asks for it. */
import { createInterface } from 'node:readline'
import type { Measure, Said } from './jobs.ts'
import { OurEngine, type OurJob } from './our-engine.ts'

const say = (message: Said) => process.stdout.write(`${JSON.stringify(message)}\n`)

const engine = await OurEngine.load(JSON.parse(process.argv[2]!) as OurJob)
say(engine.loaded)
for await (const line of createInterface(process.stdin)) {
  const measure = JSON.parse(line) as Measure
  say({ type: 'ran', ...(await engine.run(measure)) })
}
process.exit()
