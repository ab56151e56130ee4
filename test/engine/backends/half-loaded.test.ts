/** A model that fails half way through loading on the native backend leaves nothing behind: no mapping, file or thread. */
import assert from 'node:assert/strict'
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createBackend } from '../../../src/engine/backends/create.ts'
import { openModelFiles } from '../../../src/engine/backends/model-files.ts'
import { nativeDecoder } from '../../../src/engine/backends/native.ts'
import { readPackedHeader } from '../../../src/engine/backends/packed-weights.ts'
import { importCheckpoint } from '../../../src/import/import-checkpoint.ts'
import { modelPath, packedPath } from '../../../src/package/store.ts'
import type { WeightTensor } from '../../../src/weights/weights.ts'
import { skipOf } from '../../support/backends.ts'
import { copyCheckpoint, scratchFolder } from '../../support/checkpoint-folder.ts'

/** Three threads of its own. */
const OPTIONS = { threads: 4, kvCacheBytes: 4 << 20, kvBlockSize: 16 }

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What this process has of the files below a folder, and how many threads. */
function held(folder: string) {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  const files = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)
    } catch {
      // Of the reading of the list itself.
      return false
    }
  })
  return {
    mappings: maps.filter((line) => line.includes(folder)).length,
    files: files.length,
    threads: readdirSync('/proc/self/task').length,
  }
}

describe('a model that fails at its third weight', {
  skip: skipOf('native') || (process.platform !== 'linux' && 'needs /proc'),
}, () => {
  let scratch: string
  let folder: string
  before(() => {
    scratch = scratchFolder()
    folder = copyCheckpoint('decoders/qwen2', join(scratch, 'tiny-qwen'))
  })
  after(() => rmSync(scratch, { recursive: true }))

  async function leavesNothing(load: () => Promise<unknown>, message: RegExp): Promise<void> {
    const fail = async () => {
      await assert.rejects(load(), message)
      const { mappings, files } = held(scratch)
      assert.deepEqual({ mappings, files }, { mappings: 0, files: 0 })
    }
    // A pool of threads ends with its last owner, which the collector finds.
    const threadsLeft = async (most: number) => {
      let threads = Number.POSITIVE_INFINITY
      for (let i = 0; i < 100 && threads > most; i++) {
        collect()
        await delay(20)
        ;({ threads } = held(scratch))
      }
      return threads
    }
    // The first starts what every load needs.
    await fail()
    const before = await threadsLeft(0)
    for (let i = 0; i < 5; i++) await fail()
    assert.equal(await threadsLeft(before), before)
  }

  it('leaves nothing where the weights are packed as they are read', async () => {
    await leavesNothing(async () => {
      const files = await openModelFiles(folder)
      await using opened = files.checkpoint
      let reads = 0
      const checkpoint = Object.assign(Object.create(opened) as typeof opened, {
        // The first is the embedding.
        async readBytes(tensor: WeightTensor) {
          if (reads++ === 3) throw new Error('the disk is gone')
          return await opened.readBytes(tensor)
        },
      })
      return await nativeDecoder({ ...files, checkpoint }, OPTIONS)
    }, /the disk is gone/)
  })

  it('leaves nothing where they are mapped', async () => {
    const found = await importCheckpoint(folder, {
      ...{ modelsDir: join(scratch, 'models'), packed: true },
    })
    const packedWeights = packedPath(found)!
    const third = [...(await readPackedHeader(packedWeights)).entries.values()][2]!
    const file = openSync(packedWeights, 'r+')
    writeSync(file, new Uint8Array(64), 0, 64, third.offset)
    closeSync(file)
    const native = await createBackend('native')
    await leavesNothing(
      async () => await native.loadDecoder(modelPath(found), { ...OPTIONS, packedWeights }),
      /magic number/,
    )
  })
})
