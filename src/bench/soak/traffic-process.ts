/** A program of its own: takes a TrafficPlan over IPC, says 'ready', and for every TrafficPart sends the mix and tells a TrafficResult. */
import { once } from 'node:events'
import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { basePictures, largePicture, numberedUris, smallPicture } from '../pictures.ts'
import { outcome } from './outcome.ts'
import {
  type KindCount,
  Mix,
  type PictureUris,
  type TrafficPart,
  type TrafficPlan,
} from './traffic.ts'

const [plan] = (await once(process, 'message')) as [TrafficPlan]
const mix = new Mix(plan, await pictureUris(plan.seed))
process.on('message', async (part: TrafficPart) => {
  process.send?.({ kinds: await drive(part) })
})
process.send?.('ready')

/** {@link outcome} never rejects, so neither does this. */
async function drive({ durationMs, firstNumber }: TrafficPart): Promise<KindCount[]> {
  const counts = new Map(
    mix.kinds.map((kind) => [kind, { requests: 0, failed: 0, firstError: null as string | null }]),
  )
  const agent = new Agent({ keepAlive: true, maxSockets: plan.clients })
  const end = performance.now() + durationMs
  let number = firstNumber
  const client = async () => {
    while (performance.now() < end) {
      const { kind, request } = mix.of(number++)
      const error = await outcome(request, { ...plan, agent })
      const count = counts.get(kind)!
      count.requests++
      if (error === undefined) continue
      count.failed++
      count.firstError ??= error
      // A server that is gone is not asked thousands of times.
      await delay(100)
    }
  }
  await Promise.all(Array.from({ length: plan.clients }, client))
  agent.destroy()
  return [...counts].map(([kind, count]) => ({ kind, ...count }))
}

async function pictureUris(seed: number): Promise<PictureUris> {
  const photos = (await basePictures(seed)).map(numberedUris)
  const [small, large] = (await Promise.all([smallPicture(), largePicture()])).map(numberedUris)
  return {
    photo: (number) => photos[number % photos.length]!(number).toString(),
    small: (number) => small!(number).toString(),
    large: (number) => large!(number).toString(),
  }
}
