/** Blobs in a folder of this machine. */
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BlobFolder } from '../../src/files/blob-folder.ts'
import { testBlobStore } from '../support/blob-store-contract.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

testBlobStore('a folder', async () => {
  const folder = await temporaryFolder()
  return {
    blobs: new BlobFolder(folder.path),
    leaveUnfinished: (key) => writeFile(join(folder.path, `${key}.part`), 'cut off'),
    cut: (key) => truncate(join(folder.path, key), 7),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
})
