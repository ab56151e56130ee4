/** Fetches a GGUF model from a hub: its headers first, and the rest only if it can be served. */
import { basename, join } from 'node:path'
import { bindModel } from '../engine/backends/model-files.ts'
import { AerieError } from '../errors.ts'
import { bytesThere, checkHead, fileUrl } from '../hub/download.ts'
import { type HubClient, TryAgain } from '../hub/hub-client.ts'
import type { HubFile, Repository } from '../hub/repository.ts'
import { ggufTokenizer } from '../tokenizer/gguf-tokenizer.ts'
import { LARGEST_HEADER_BYTES } from '../weights/gguf.ts'
import { MoreBytesNeeded, parseGgufHeader } from '../weights/gguf-header.ts'
import { GgufMetadata } from '../weights/gguf-metadata.ts'
import {
  checkShard,
  type GgufFile,
  type GgufHead,
  joinShards,
  otherShards,
  type ShardTensors,
} from '../weights/gguf-split.ts'
import { ROPE_FACTORS } from '../weights/gguf-tensors.ts'
import { ggufModel } from '../weights/model-source.ts'
import { type FetchOptions, fetchFiles, isSmall } from './fetch-files.ts'
import type { GgufVariant } from './gguf-variant.ts'
import { isCard } from './survey.ts'

/** Rejects with `invalid_package`, `download_failed`, `insufficient_storage` or the signal's reason. */
export async function fetchGguf(
  client: HubClient,
  repository: Repository,
  { path, files }: GgufVariant,
  options: FetchOptions,
): Promise<void> {
  const nameOf = (file: HubFile) => basename(file.path)
  // An attempt that began with the weights had looked at the headers.
  if ((await bytesThere(join(options.directory, nameOf(files[0])), files[0])) === 0)
    await checkHeaders(client, repository, path, files)
  const cards = [...repository.files.values()].filter((file) => isCard(file.path) && isSmall(file))
  await fetchFiles(client, repository, cards, options)
  await fetchFiles(client, repository, files, { ...options, nameOf })
}

async function checkHeaders(
  client: HubClient,
  repository: Repository,
  path: string,
  [first, ...others]: GgufVariant['files'],
): Promise<void> {
  try {
    const head = await fetchHead(client, repository, first)
    if (otherShards(path, head).length !== others.length)
      throw head.metadata.mismatch('split.count', 'that of the name')
    const shards: ShardTensors[] = []
    for (const [i, file] of others.entries())
      shards.push(checkShard(head, i + 1, await fetchHead(client, repository, file)))
    const whole = joinShards(head, shards)
    const { model, tensors } = await ggufModel(whole, placeOfFactors(whole))
    bindModel(model, tensors)
    ggufTokenizer(whole.metadata)
  } catch (cause) {
    if (!(cause instanceof AerieError) || cause.code !== 'invalid_package') throw cause
    throw new AerieError('invalid_package', `${repository.id}: ${path}: ${cause.message}`, {
      cause,
    })
  }
}

/** As many as there will be; their values are among the weights. */
function placeOfFactors({ tensors }: GgufFile): number[] | undefined {
  const tensor = tensors.find(({ name }) => name === ROPE_FACTORS)
  return tensor && new Array(Math.min(tensor.shape[0]!, 65_536)).fill(1)
}

/** Reads as much of a file as its header takes, and lets the rest go. */
async function fetchHead(
  client: HubClient,
  repository: Repository,
  file: HubFile,
): Promise<GgufHead> {
  return await client.persist(async () => {
    const url = fileUrl(client, repository, file)
    const response = await client.request(url, { 'accept-encoding': 'identity' })
    checkHead(response, file, 0)
    const pieces: Uint8Array[] = []
    let have = 0
    let needed = 1
    for await (const piece of client.bodyOf(response)) {
      pieces.push(piece)
      have += piece.byteLength
      if (have < needed && have < file.bytes) continue
      const found = parseHead(Buffer.concat(pieces).subarray(0, file.bytes), file)
      if (!(found instanceof MoreBytesNeeded)) return found
      needed = Math.max(found.bytes, 2 * have)
    }
    throw new TryAgain(`${file.path} ends after ${have} of ${file.bytes} bytes`)
  })
}

function parseHead(start: Buffer, { path, bytes }: HubFile): GgufHead | MoreBytesNeeded {
  try {
    const { metadata, ...header } = parseGgufHeader(start, bytes)
    return { ...header, path, bytes, metadata: new GgufMetadata(metadata) }
  } catch (error) {
    if (error instanceof MoreBytesNeeded && error.bytes <= LARGEST_HEADER_BYTES) return error
    if (!(error instanceof MoreBytesNeeded)) throw error
    throw new AerieError(
      'invalid_package',
      `GGUF: the header has more than ${LARGEST_HEADER_BYTES} bytes`,
    )
  }
}
