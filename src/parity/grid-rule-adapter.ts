/** The table of Eagle 2's tile grids: every row, the order of the candidates, and how several pictures share the context. */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { candidateGrids } from '../../models/tiling/candidates.ts'
import { type PictureToTile, type Tiling, tilePictures } from '../../models/tiling/tiling.ts'
import { AerieError } from '../errors.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { Fact } from './compare.ts'
import { integers, type ReferenceCase, type ReferenceTensor } from './reference-case.ts'

type Row = Readonly<Record<string, number>>

/** How the first generation's demo was called. */
interface DemoCall {
  readonly images_w_h: readonly (readonly [number, number])[]
  readonly max_input_tiles: number
  readonly context_len: number
  readonly video: {
    readonly frame_w_h: readonly [number, number]
    readonly num_frames: number
  } | null
  readonly num_patches_list: readonly number[]
}

const DEMO = { tileSize: 448, perTile: 256 }

export const gridRuleAdapter: ParityAdapter = {
  name: "Eagle 2's grid rule",
  accepts: ({ expected }) =>
    expected['family'] === 'eagle2' && Array.isArray(expected['columns']) && 'data' in expected,
  run,
}

async function run(reference: ReferenceCase): Promise<ParityRun> {
  const { expected } = reference
  const facts: Fact[] = []
  const compare = (name: string, theirTable: ReferenceTensor, ourTable: ReferenceTensor) => {
    facts.push({ name, ourTable, theirTable })
  }
  const columns = expected['columns'] as string[]
  const rows = await readRows(reference)
  const shape = [rows.length, columns.length]
  const computed = rows.map((row) => computeRow(named(row, columns)))
  const table = computed.flatMap((row) => columns.map((column) => row[column] ?? Number.NaN))
  compare('rows', integers(rows.flat(), shape), integers(table, shape))

  const orders = Object.entries(
    (expected['candidate_order_min_max'] ?? {}) as Record<string, number[][]>,
  )
  if (orders.length > 0) {
    const ours = orders.flatMap(([range]) => {
      const [least, most] = range.split('-').map(Number) as [number, number]
      return candidateGrids(least, most).flatMap((grid) => [grid.columns, grid.rows])
    })
    compare(
      'candidate_order',
      integers(orders.flatMap(([, order]) => order.flat())),
      integers(ours),
    )
  }
  const calls = (expected['demo_budget'] ?? []) as DemoCall[]
  if (calls.length > 0) {
    const theirs = calls.flatMap(({ num_patches_list: tiles }) => [tiles.length, ...tiles])
    compare('demo_budget', integers(theirs), integers(calls.flatMap(sharedTiles)))
  }
  return { tensors: new Map(), facts, leftOut: new Map() }
}

/** `data` of expected.json names the file first. */
async function readRows({ folder, expected }: ReferenceCase): Promise<number[][]> {
  const [file] = String(expected['data']).split(/\s/)
  const path = join(folder, basename(file!))
  try {
    return JSON.parse(gunzipSync(await readFile(path)).toString()) as number[][]
  } catch (cause) {
    throw new AerieError('invalid_package', `${path}: ${(cause as Error).message}`, { cause })
  }
}

function named(row: readonly number[], columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((column, i) => [column, row[i]!]))
}

/** The row with what follows from its first columns. */
function computeRow(row: Row): Row {
  const { width, height, min_tiles, max_tiles, tile_size, use_thumbnail } = row as {
    [Name in keyof Row]: number
  }
  const tiling: Tiling = {
    rule: 'saturated-area',
    minTiles: min_tiles!,
    maxTiles: max_tiles!,
    thumbnail: use_thumbnail === 1,
    onlyAlone: false,
  }
  const picture = { size: { width: width!, height: height! }, isOneTile: false }
  const [layout] = tilePictures(tiling, tile_size!, [picture])
  const [grid] = layout!.levels
  return {
    ...{ width: width!, height: height!, min_tiles: min_tiles!, max_tiles: max_tiles! },
    ...{ tile_size: tile_size!, use_thumbnail: use_thumbnail! },
    grid_cols: grid!.columns,
    grid_rows: grid!.rows,
    resized_width: grid!.columns * tile_size!,
    resized_height: grid!.rows * tile_size!,
    num_tiles_incl_thumbnail: layout!.tiles,
  }
}

/** How many pictures and frames there are, and the tiles of each. */
function sharedTiles({ images_w_h, max_input_tiles, context_len, video }: DemoCall): number[] {
  const tiling: Tiling = {
    rule: 'saturated-area',
    minTiles: 1,
    maxTiles: max_input_tiles,
    thumbnail: true,
    onlyAlone: false,
    shared: { perTile: DEMO.perTile, context: context_len },
  }
  const seen = (size: readonly [number, number], isOneTile: boolean): PictureToTile => ({
    size: { width: size[0], height: size[1] },
    isOneTile,
  })
  const frames = video ? new Array(video.num_frames).fill(seen(video.frame_w_h, true)) : []
  const pictures = [...images_w_h.map((size) => seen(size, false)), ...frames]
  const layouts = tilePictures(tiling, DEMO.tileSize, pictures)
  return [layouts.length, ...layouts.map(({ tiles }) => tiles)]
}
