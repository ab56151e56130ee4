/**
 * Writes the weights of a package in the form that the native runtime reads, so that no start packs them and all processes
 * share one copy: a block for each matrix that its programs ask for. One is in memory at a time.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { pipeline } from 'node:stream/promises'
import type { FamilyGraphs } from '../../models/family.ts'
import type { Graph } from '../../models/graph/graph.ts'
import { nativeProgram } from '../../models/graph/native/lower.ts'
import type { ModelConfig } from '../../models/load-config.ts'
import { graphsOf, type ModelFiles, openModelFiles } from '../engine/backends/model-files.ts'
import { findNativeAddon, type NativeAddon } from '../engine/backends/native-addon.ts'
import { programFor } from '../engine/backends/native-session.ts'
import { linearSpec, packWeight } from '../engine/backends/native-weights.ts'
import {
  BLOCK_ALIGNMENT,
  readPackedHeader,
  SPARSE_KEY,
  VERSION_KEY,
  type WantedBlock,
  wantedBlocks,
} from '../engine/backends/packed-weights.ts'
import { AerieError } from '../errors.ts'
import { freeMemory } from '../free-memory.ts'
import type { Manifest } from '../package/manifest.ts'
import type { QuantiseOptions } from '../quantise/methods.ts'
import { planQuantisation, type QuantisationPlan } from '../quantise/plan.ts'
import { Checkpoint } from '../weights/checkpoint.ts'
import { BLOCKS, isBlockType } from '../weights/gguf-blocks.ts'
import { PREFIX_BYTES } from '../weights/safetensors.ts'
import type { WeightTensor } from '../weights/weights.ts'
import { writeAll } from '../write-all.ts'
import type { CheckpointForm } from './examine.ts'
import type { TakenFile } from './file-taker.ts'

export interface WritePackedOptions {
  readonly signal?: AbortSignal | undefined
  /** Told before each block: how many are done, of how many. */
  readonly onBlock?: (done: number, all: number) => void
}

interface Placed {
  readonly name: string
  /** From the start of the data. */
  readonly start: number
  readonly end: number
}

/** Graphs that a server runs. */
const SERVED: ReadonlySet<string> = new Set(['decoder', 'encoder', 'projector', 'soundEncoder'])
/** Longer than any number of a header. */
const WIDEST = { start: Number.MAX_SAFE_INTEGER, end: 2 * Number.MAX_SAFE_INTEGER }
/** Outputs of a panel, of which a block has whole ones. */
const PANEL = 16
/** A scale in single precision and a zero point. */
const GROUP_BYTES = 5
/** A block's header, and what lies between its sections. */
const MOST_PADDING = 1024
const HALVES: ReadonlySet<string> = new Set(['F16', 'BF16'])
const HASHED_BYTES = 2 ** 22
/** Packing waits for memory: more do not make it faster. */
const MOST_THREADS = 8

/**
 * Whether an import packs the weights too: as it is told, and else where it quantises them. Where it was not told and cannot,
 * a remark says why. Rejects with `invalid_config` where it was.
 */
export async function choosePacking(
  form: Pick<CheckpointForm, 'config'>,
  { packed, quantise }: { readonly packed?: boolean | undefined; readonly quantise?: unknown },
): Promise<{ readonly isWanted: boolean; readonly remarks: readonly string[] }> {
  if (!(packed ?? quantise !== undefined)) return { isWanted: false, remarks: [] }
  const reason = whyNotPacked(await form.config())
  if (reason === undefined) return { isWanted: true, remarks: [] }
  if (packed) throw new AerieError('invalid_config', `--packed: ${reason}`)
  return { isWanted: false, remarks: [`the package has no packed weights: ${reason}`] }
}

/** Why a model's weights cannot be packed here; undefined when they can. */
function whyNotPacked({ graphs }: Pick<ModelConfig, 'graphs'>): string | undefined {
  const search = findNativeAddon()
  if ('reason' in search) return search.reason
  const lowered = servedGraphs(graphs).map((graph) => nativeProgram(graph))
  if (lowered.some((program) => 'program' in program)) return undefined
  const refusals = lowered.flatMap((program) => ('refusal' in program ? program.refusal : []))
  return `the native runtime cannot run it: ${refusals.join('; ')}`
}

/**
 * Packs what the native runtime multiplies with of the model in that folder or GGUF file. Rejects with `invalid_package`, the
 * signal's reason, and the system's own errors.
 */
export async function writePacked(
  target: string,
  model: string,
  { signal, onBlock }: WritePackedOptions = {},
): Promise<TakenFile> {
  const search = findNativeAddon()
  if ('reason' in search) throw new Error(search.reason)
  const { addon } = search
  const files = await openModelFiles(model)
  await using _checkpoint = files.checkpoint
  const blocks = blocksOf(files)
  await rm(target, { force: true })
  await using output = await open(target, 'wx')
  // How large a block is shows when it is packed; where the data begins must be known before.
  const widest = blocks.map(({ name }) => ({ name, ...WIDEST }))
  const dataStart = headerOf(widest, addon).byteLength
  const pool = addon.createPool(Math.min(availableParallelism(), MOST_THREADS))
  const placed: Placed[] = []
  let end = 0
  let sparse24 = 0
  for (const { name, weight } of blocks) {
    signal?.throwIfAborted()
    onBlock?.(placed.length, blocks.length)
    const spec = await linearSpec(weight, files)
    const { block, isSparse24 } = packWeight({ addon, pool }, spec)
    if (isSparse24) sparse24++
    await writeAll(output, block, dataStart + end)
    placed.push({ name, start: end, end: end + block.byteLength })
    end += block.byteLength
    // Two of the largest matrices would be more than an import may take.
    freeMemory(spec.values.buffer)
    freeMemory(block.buffer)
  }
  await writeAll(output, headerOf(placed, addon, { length: dataStart, sparse24 }), 0)
  // What is on the disk the page cache may forget, and read again in larger pages when it is mapped.
  await output.sync()
  const hash = createHash('sha256')
  const written = createReadStream(target, { highWaterMark: HASHED_BYTES })
  await pipeline(written, hash, ...(signal ? [{ signal }] : []))
  return { bytes: dataStart + end, sha256: hash.digest('hex') }
}

/** What a package says of such a file. Rejects with `invalid_package`. */
export async function packedFacts(path: string): Promise<NonNullable<Manifest['packed']>> {
  const { version, sparse24, entries } = await readPackedHeader(path)
  const bytes = [...entries.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  return {
    version: Number(version),
    blocks: entries.size,
    bytes,
    ...(sparse24 > 0 && { sparse24 }),
  }
}

/**
 * The most that the blocks of a checkpoint, or of what it becomes when it is quantised, take on the disk. Rejects with
 * `invalid_package`.
 */
export async function mostPackedBytes(
  checkpoint: string,
  config: ModelConfig,
  quantise: QuantiseOptions | undefined,
): Promise<number> {
  const files = await openModelFiles(checkpoint)
  await using weights = files.checkpoint
  // Nothing but folders is quantised.
  const isPlanned = quantise !== undefined && weights instanceof Checkpoint
  const plan: QuantisationPlan = isPlanned
    ? planQuantisation(config, weights.tensors.values(), quantise)
    : new Map()
  const forms = new Map([...plan.values()].map(({ weight, form }) => [weight, form]))
  return blocksOf(files).reduce((sum, { stored, weightName, shape: [out, width], group }) => {
    const form = forms.get(weightName)
    const { quantisation } = stored ?? {}
    const type = stored?.dtype ?? ''
    const storedBits = isBlockType(type) ? BLOCKS[type].packedBits : quantisation?.bits
    const bits = form ? (form.kind === 'rows' ? 8 : form.bits) : storedBits
    const size = form ? (form.kind === 'rows' ? 0 : form.group) : group
    const rank = quantisation?.lowRank?.down.shape[0] ?? 0
    const rowBytes =
      size === undefined
        ? width * (stored && HALVES.has(stored.dtype) ? 2 : 4)
        : Math.ceil((width * (bits ?? 8)) / 8) + Math.ceil(width / (size || width)) * GROUP_BYTES
    const rows = Math.ceil(out / PANEL) * PANEL
    return sum + rows * rowBytes + rank * (rows + width + PANEL) * 4 + MOST_PADDING
  }, 0)
}

interface Block extends WantedBlock {
  readonly shape: readonly [out: number, width: number]
  /** Undefined for a weight that may be missing, and is. */
  readonly stored: WeightTensor | undefined
}

/** Every matrix that a program of the model asks for and that is not computed, once. */
function blocksOf(files: ModelFiles): Block[] {
  const blocks = new Map<string, Block>()
  for (const graph of servedGraphs(files.graphs)) {
    const lowered = programFor(graph, files)
    if ('refusal' in lowered) continue
    for (const block of wantedBlocks(lowered.program, lowered.weights).values()) {
      const [out, width] = block.weight.shape as readonly [number, number]
      const stored = files.tensors.get(block.weightName)
      blocks.set(block.name, { ...block, shape: [out, width], stored })
    }
  }
  return [...blocks.values()]
}

function servedGraphs(graphs: FamilyGraphs): Graph[] {
  return [...graphsOf(graphs)].flatMap(([name, graph]) => (SERVED.has(name) ? [graph] : []))
}

/**
 * The file's beginning, filled up to `length` where that is given. Room for the number of 2:4 blocks need not be planned: the
 * first block's numbers are shorter than the longest by more.
 */
function headerOf(
  blocks: readonly Placed[],
  { packedVersion }: NativeAddon,
  { length, sparse24 = 0 }: { readonly length?: number; readonly sparse24?: number } = {},
): Buffer {
  const entries: Record<string, unknown> = Object.create(null)
  for (const { name, start, end } of blocks)
    entries[name] = { dtype: 'U8', shape: [end - start], data_offsets: [start, end] }
  const metadata = {
    [VERSION_KEY]: String(packedVersion),
    ...(sparse24 > 0 && { [SPARSE_KEY]: String(sparse24) }),
  }
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...entries }))
  const least = PREFIX_BYTES + text.byteLength
  const header = Buffer.alloc(length ?? Math.ceil(least / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT, ' ')
  header.writeBigUInt64LE(BigInt(header.byteLength - PREFIX_BYTES))
  text.copy(header, PREFIX_BYTES)
  return header
}
