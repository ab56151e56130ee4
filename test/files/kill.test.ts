/** kill -9 in the middle of uploads and deletions, with files on this machine. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { survivesKills } from '../support/kill-suite.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

it('no acknowledged file is lost, no deleted one comes back, none is half', async (t) => {
  await using folder = await temporaryFolder()
  const blobs = async () => {
    const all = { recursive: true, withFileTypes: true } as const
    const entries = await readdir(join(folder.path, 'blobs'), all)
    return entries.filter((entry) => entry.isFile()).length
  }
  await survivesKills(t, { place: { folder: folder.path }, blobs }, { few: 8, share: 0.1 })
})
