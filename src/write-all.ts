/** Writes all that is to be written: the system may take less of it at a time. */
import type { FileHandle } from 'node:fs/promises'

/** The page cache of ext4 looks for a free huge page for each 2 MiB that are written at once, and on a full machine for long. */
const WRITE_BYTES = 512 * 2 ** 10

/** Writes `bytes` from `offset` of the file on; without one, where the last write ended. Rejects with the system's own errors. */
export async function writeAll(
  file: Pick<FileHandle, 'write'>,
  bytes: Uint8Array,
  offset?: number,
): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const length = Math.min(WRITE_BYTES, bytes.byteLength - done)
    const place = offset === undefined ? null : offset + done
    done += (await file.write(bytes, done, length, place)).bytesWritten
  }
}
