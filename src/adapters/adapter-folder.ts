/** A folder as PEFT saves an adapter, opened and checked against the model that it is for; values are read when they are asked for. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AerieError } from '../errors.ts'
import { listFolder, resolveInside } from '../model-folder.ts'
import { Checkpoint } from '../weights/checkpoint.ts'
import { firstNonFinite } from '../weights/non-finite.ts'
import type { AdapterBase } from './adapter-base.ts'
import { ADAPTER_CONFIG, type AdapterConfig, readAdapterConfig } from './adapter-config.ts'
import { type BoundPair, bindAdapter } from './bind-adapter.ts'
import type { AdapterFacts, AdapterMatrices, AdapterShape, AdapterSource } from './contract.ts'
import { packedBytes } from './packed-bytes.ts'

const WEIGHTS = 'adapter_model.safetensors'

export interface AdapterLimits {
  /** Of any module. */
  readonly maxRank: number
}

export class AdapterFolder {
  readonly config: AdapterConfig
  readonly pairs: readonly BoundPair[]
  readonly #source: AdapterSource
  readonly #checkpoint: Checkpoint

  private constructor(
    source: AdapterSource,
    config: AdapterConfig,
    checkpoint: Checkpoint,
    pairs: readonly BoundPair[],
  ) {
    this.config = config
    this.pairs = pairs
    this.#source = source
    this.#checkpoint = checkpoint
  }

  /** Reads the config and the header of the weights. Rejects with `invalid_package`, naming adapter and folder. */
  static async open(
    source: AdapterSource,
    base: AdapterBase,
    { maxRank }: AdapterLimits,
  ): Promise<AdapterFolder> {
    let checkpoint: Checkpoint | undefined
    try {
      const config = await readAdapterConfig(source.folder)
      checkpoint = await openWeights(source.folder)
      const pairs = bindAdapter(config, checkpoint.tensors.values(), base, maxRank)
      return new AdapterFolder(source, config, checkpoint, pairs)
    } catch (error) {
      await checkpoint?.close()
      throw named(source, error)
    }
  }

  /** Shapes of what {@link matrices} gives, in that order. */
  shapes(): AdapterShape[] {
    return this.pairs.flatMap(({ linears, rank, down, up }) =>
      linears.map(({ number, rows }) => ({
        ...{ linear: number, rank, in: down.shape[1]! },
        out: rows ? rows[1] - rows[0] : up.shape[0]!,
        types: { down: down.type, up: up.type },
      })),
    )
  }

  /** Reads one pair after the other. Rejects with `invalid_package` for values that are no numbers. */
  async *matrices(): AsyncIterable<AdapterMatrices> {
    for (const { linears, rank, scale, down, up } of this.pairs) {
      const values = { down: await this.#read(down), up: await this.#read(up) }
      const [out, width] = [up.shape[0]!, down.shape[1]!]
      const rowBytes = values.up.byteLength / out
      for (const { number, rows: [start, end] = [0, out] } of linears)
        yield {
          ...{ linear: number, scale, rank },
          down: { type: down.type, shape: [rank, width], values: values.down },
          up: {
            type: up.type,
            shape: [end - start, rank],
            values: values.up.subarray(start * rowBytes, end * rowBytes),
          },
        }
    }
  }

  /** Hashes the files, too. */
  async facts(): Promise<AdapterFacts> {
    const { trainedOn } = this.config
    const ranks = this.pairs.map(({ rank }) => rank)
    const dtypes: Record<string, number> = {}
    for (const { dtype } of this.pairs.flatMap(({ down, up }) => [down, up]))
      dtypes[dtype] = (dtypes[dtype] ?? 0) + 1
    return {
      name: this.#source.name,
      ...(await digestOf(this.#source.folder)),
      ranks: { least: Math.min(...ranks), most: Math.max(...ranks) },
      targets: [...new Set(this.pairs.map(({ module }) => module.split('.').at(-1)!))].sort(),
      modules: this.pairs.length,
      parameters: this.pairs.reduce(
        (sum, { rank, down, up }) => sum + rank * (down.shape[1]! + up.shape[0]!),
        0,
      ),
      dtypes,
      bytes: packedBytes(this.shapes()),
      ...(trainedOn !== undefined && { trainedOn }),
    }
  }

  async close(): Promise<void> {
    await this.#checkpoint.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #read(tensor: BoundPair['down']): Promise<Uint8Array> {
    const bytes = await this.#checkpoint.readBytes(tensor)
    if (firstNonFinite(tensor.dtype, bytes) < 0) return bytes
    const what = `tensor ${tensor.name} holds values that are no numbers`
    throw named(this.#source, new AerieError('invalid_package', what))
  }
}

/** Hex SHA-256 over names and contents of an adapter's files, and the newest change. */
export async function digestOf(folder: string): Promise<{ digest: string; created: number }> {
  const all = createHash('sha256')
  let created = 0
  for (const name of [ADAPTER_CONFIG, WEIGHTS]) {
    const path = await resolveInside(folder, name)
    if (path === undefined)
      throw new AerieError('invalid_package', `${join(folder, name)} is missing`)
    created = Math.max(created, Math.floor((await stat(path)).mtimeMs / 1000))
    const file = createHash('sha256')
    await pipeline(createReadStream(path), file)
    all.update(`${name}\n${file.digest('hex')}\n`)
  }
  return { digest: all.digest('hex'), created }
}

/** Rejects with `invalid_package`. */
export async function openWeights(folder: string): Promise<Checkpoint> {
  const names = await listFolder(folder)
  if (names.includes(WEIGHTS)) return await Checkpoint.openFile(folder, WEIGHTS)
  const pickle = names.find((name) => /^adapter_model\.(?:bin|pt|pth)$/.test(name))
  throw new AerieError(
    'invalid_package',
    pickle === undefined
      ? `there is no ${WEIGHTS}`
      : `${pickle} is a pickle, which runs code when it is read, so it is not; load the adapter with PEFT where you trust it and ` +
          `save it anew: PeftModel.from_pretrained(model, ${JSON.stringify(basename(folder))}).save_pretrained(…) writes ${WEIGHTS}`,
  )
}

/** The same error with the adapter's name in front. */
function named({ name, folder }: AdapterSource, error: unknown): unknown {
  if (!(error instanceof AerieError)) return error
  const text = error.message.startsWith(folder) ? error.message : `${folder}: ${error.message}`
  return new AerieError(error.code, `adapter ${name}: ${text}`, { cause: error })
}
