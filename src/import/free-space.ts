/** Room on the disk, asked for before anything is written. */
import { statfs } from 'node:fs/promises'
import { AerieError } from '../errors.ts'

/** Bytes that this user may write at a place that is there. */
export async function freeBytesAt(place: string): Promise<number> {
  const { bavail, bsize } = await statfs(place)
  return bavail * bsize
}

export function tooLittleRoom(place: string, needed: number, free: number): AerieError {
  return new AerieError(
    'insufficient_storage',
    `${place}: ${gigabytes(needed)} are needed, ${gigabytes(free)} are free`,
  )
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`
