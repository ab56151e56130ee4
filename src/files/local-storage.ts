/** Files on this machine: records in SQLite, bytes in a folder. Servers of one machine may share both. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../engine/logger.ts'
import { BlobFolder } from './blob-folder.ts'
import type { FileStorage } from './file-storage.ts'
import { RecordsThread } from './records-thread.ts'

const DATABASE = 'files.sqlite'

/** `folder` is made, for this user alone, when the first file comes. */
export function localStorage(folder: string, logger: Logger): FileStorage {
  return {
    place: { folder },
    isThere: () =>
      access(join(folder, DATABASE)).then(
        () => true,
        // A folder that may not be looked into is for the one who opens it to tell.
        (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
      ),
    open: async () => {
      const records = await RecordsThread.start(folder, logger)
      return {
        records,
        blobs: new BlobFolder(records.blobFolder),
        lastTotals: () => records.lastTotals,
        connections: () => undefined,
        dispose: () => records.dispose(),
      }
    },
  }
}
