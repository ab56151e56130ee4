/**
 * Takes files into a package: each is read once, and what was read is written, hashed and searched for NaN and infinities at
 * the same time. Memory is bounded by eight chunks, whatever the size of file or tensor.
 */
import { constants } from 'node:fs'
import { copyFile, type FileHandle, link, open, rm } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { AerieError } from '../errors.ts'
import { elementsOfBlock, storedBytes } from '../weights/stored-type.ts'
import { writeAll } from '../write-all.ts'
import type { FromChunkWorker, ToChunkWorker, WorkerJob } from './chunk-messages.ts'
import { type Chunk, planChunks, type ScannedTensor } from './chunks.ts'

const CHUNK_BYTES = 8 * 2 ** 20
const SLOTS = 8

/** Ways of the system to say that it cannot link or clone here. */
const CANNOT_SHARE = new Set(['ENOTSUP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM', 'EMLINK'])

export interface FileToTake {
  readonly source: string
  readonly target: string
  readonly tensors: readonly ScannedTensor[]
  /** Whether the source is ours and nobody will write to it, so that the package may have the same bytes on the disk. */
  readonly isOurs: boolean
}

export interface TakenFile {
  readonly bytes: number
  readonly sha256: string
}

export interface TakeOptions {
  readonly signal?: AbortSignal | undefined
  /** Told after each chunk. */
  readonly onBytes?: (bytes: number) => void
}

/** Two worker threads and the buffers that they share with this one. Files are taken one after another. */
export class FileTaker {
  readonly #slots = Array.from({ length: SLOTS }, () => new SharedArrayBuffer(CHUNK_BYTES))
  readonly #hash: Worker
  readonly #scan: Worker
  /** What still uses each slot: writing, hashing, scanning. */
  readonly #uses: number[] = new Array(SLOTS).fill(0)
  #failure: Error | undefined
  /** A worker is gone; nothing more can be taken. */
  #isBroken = false
  #digest: string | undefined
  #changed = Promise.withResolvers<void>()

  constructor() {
    this.#hash = this.#start('hash')
    this.#scan = this.#start('scan')
  }

  /**
   * Rejects with `invalid_package` for a file with a value that is NaN or infinite, or that changes meanwhile, with the
   * signal's reason when it is aborted, and with the system's own errors. What was written then is left behind.
   */
  async take(file: FileToTake, { signal, onBytes }: TakeOptions = {}): Promise<TakenFile> {
    this.#failure = undefined
    this.#digest = undefined
    await rm(file.target, { force: true })
    const isShared = await share(file)
    // A clone is read itself: what is hashed is what the package has.
    await using input = await open(isShared ? file.target : file.source, 'r')
    await using output = isShared ? undefined : await open(file.target, 'wx')
    const { size } = await input.stat()
    try {
      for (const chunk of planChunks(size, file.tensors, CHUNK_BYTES)) {
        signal?.throwIfAborted()
        const slot = await this.#freeSlot()
        const bytes = new Uint8Array(this.#slots[slot]!, 0, chunk.byteLength)
        await readExactly(input, bytes, { offset: chunk.offset, path: file.source })
        this.#work(slot, chunk)
        if (output) this.#write(slot, writeAll(output, bytes, chunk.offset))
        onBytes?.(chunk.byteLength)
      }
      this.#post(this.#hash, { type: 'end' })
      await this.#until(() => this.#digest !== undefined && this.#isIdle())
      return { bytes: size, sha256: this.#digest! }
    } catch (error) {
      await this.#settle()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#hash.terminate(), this.#scan.terminate()])
  }

  #start(job: WorkerJob['job']): Worker {
    const data: WorkerJob = { job, slots: this.#slots }
    const worker = new Worker(new URL('./chunk-worker.ts', import.meta.url), { workerData: data })
    worker.on('message', (message: FromChunkWorker) => this.#hear(message))
    worker.on('error', (error) => {
      this.#isBroken = true
      this.#fail(error as Error)
    })
    return worker
  }

  #hear(message: FromChunkWorker): void {
    if (message.type === 'done') this.#release(message.slot)
    else if (message.type === 'digest') {
      this.#digest = message.digest
      this.#wake()
    } else {
      const { tensor, dtype, skippedBytes, index } = message
      const perBlock = elementsOfBlock(dtype)
      const element = (skippedBytes / storedBytes(dtype, perBlock)) * perBlock + index
      this.#fail(
        new AerieError(
          'invalid_package',
          `tensor ${tensor}: element ${element} is NaN or infinite, expected finite numbers`,
        ),
      )
    }
  }

  #work(slot: number, { byteLength, segments }: Chunk): void {
    const message: ToChunkWorker = { type: 'chunk', slot, byteLength, segments }
    this.#uses[slot]! += 1
    this.#post(this.#hash, message)
    if (segments.length === 0) return
    this.#uses[slot]! += 1
    this.#post(this.#scan, message)
  }

  #write(slot: number, written: Promise<void>): void {
    this.#uses[slot]! += 1
    written.then(
      () => this.#release(slot),
      (error: Error) => {
        this.#fail(error)
        this.#release(slot)
      },
    )
  }

  #post(worker: Worker, message: ToChunkWorker): void {
    worker.postMessage(message)
  }

  async #freeSlot(): Promise<number> {
    await this.#until(() => this.#uses.includes(0))
    return this.#uses.indexOf(0)
  }

  #isIdle(): boolean {
    return this.#uses.every((uses) => uses === 0)
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (true) {
      if (this.#failure) throw this.#failure
      if (isTrue()) return
      await this.#changed.promise
    }
  }

  /** Waits for what is under way, so that the next file finds buffers and hash as new. */
  async #settle(): Promise<void> {
    this.#digest = undefined
    this.#post(this.#hash, { type: 'end' })
    while (!this.#isBroken && (this.#digest === undefined || !this.#isIdle()))
      await this.#changed.promise
  }

  #release(slot: number): void {
    this.#uses[slot]! -= 1
    this.#wake()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

/** Whether the target now has the source's bytes without a copy of them. */
async function share({ source, target, isOurs }: FileToTake): Promise<boolean> {
  try {
    if (isOurs) await link(source, target)
    else await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined || !CANNOT_SHARE.has(code)) throw error
    await rm(target, { force: true })
    return false
  }
}

async function readExactly(
  handle: FileHandle,
  bytes: Uint8Array,
  { offset, path }: { offset: number; path: string },
): Promise<void> {
  let done = 0
  while (done < bytes.byteLength) {
    const { bytesRead } = await handle.read(bytes, done, bytes.byteLength - done, offset + done)
    if (bytesRead === 0) {
      throw new AerieError('invalid_package', `${path} became shorter while it was read`)
    }
    done += bytesRead
  }
}
