/** What `aerie caption` says while it runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captionProgress } from '../../src/caption/caption-progress.ts'
import type { Tally } from '../../src/caption/ledger.ts'

test('clips that an earlier run captioned pass by and count for no rate', async () => {
  const tally: Tally = {
    clips: 7500,
    failedClips: 0,
    segments: 7500,
    frames: 7500,
    failures: new Map(),
  }
  const lines: string[] = []
  let now = 0
  const progress = captionProgress({ write: (text: string) => lines.push(text) }, tally, () => now)
  const list = Array.from({ length: 10_000 }, (_, i) => ({ id: `${i}`, source: `${i}` }))
  await progress.count(listed(list) as never, new AbortController().signal)
  for (let i = 0; i < 7500; i++) progress.clipDone()
  assert.deepEqual(lines, [], 'nothing takes long yet')
  for (let i = 0; i < 80; i++) {
    now += 500
    tally.clips += 2
    tally.segments += 2
    progress.clipDone()
    progress.clipDone()
  }
  progress.end()
  assert.equal(
    lines.at(-1),
    'aerie: captioning: 76 % of 10000 clips (7659), 7660 segments, 4.0 clips/s, 10 min left\n',
  )
})

async function* listed<T>(items: readonly T[]) {
  yield* items
}
