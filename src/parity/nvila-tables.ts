/** Tables of NVILA cases: which grid a picture of some size gets, which frames a video of some length gives. */
import type { ModelConfig } from '../../models/load-config.ts'
import { layoutPictures } from '../../models/preprocessing.ts'
import { finestLevel } from '../../models/tiling/layout.ts'
import { evenFrames, framesAtRate } from '../../models/vila/frame-sampling.ts'
import type { Fact } from './compare.ts'
import type { ReferenceCase } from './reference-case.ts'

interface FileRow {
  readonly decodable_frames: number
  readonly video_fps: number
  readonly num_video_frames: number
  readonly fps: number
  readonly indices: readonly number[]
}

interface FolderRow {
  readonly files: number
  readonly num_video_frames: number
  readonly indices: readonly number[]
}

interface GridRow {
  readonly width: number
  readonly height: number
  /** Of dynamic S². */
  readonly block_rows_cols?: readonly number[]
  readonly tiles?: number
  /** Of dynamic tiles. */
  readonly cols_rows?: readonly number[]
  readonly tiles_with_thumbnail?: number
}

type Table<Row> = { readonly cases: readonly Row[] } | undefined

export function tableFacts(model: ModelConfig, { expected }: ReferenceCase): Fact[] {
  const files = (expected['sampling_file'] as Table<FileRow>)?.cases ?? []
  const folders = (expected['sampling_folder'] as readonly FolderRow[] | undefined) ?? []
  const grids = ['geometry_dynamic_s2', 'geometry_dynamic'].flatMap(
    (table) => (expected[table] as Table<GridRow>)?.cases ?? [],
  )
  return [
    ...files.map((row, i) => ({
      name: `sampling_file.${i}`,
      ours: framesOf(row),
      theirs: row.indices,
    })),
    ...folders.map(({ files: length, num_video_frames, indices }, i) => ({
      name: `sampling_folder.${i}`,
      ours: evenFrames(length, num_video_frames),
      theirs: indices,
    })),
    ...grids.map((row, i) => gridFact(model, row, i)),
  ]
}

function framesOf({ decodable_frames, video_fps, num_video_frames, fps }: FileRow): number[] {
  return fps > 0
    ? framesAtRate(decodable_frames, num_video_frames, { fps, videoFps: video_fps })
    : evenFrames(decodable_frames, num_video_frames)
}

function gridFact({ preprocessing }: ModelConfig, row: GridRow, i: number): Fact {
  const layout = layoutPictures(preprocessing!, [{ size: row, detail: 'auto' }])[0]!
  const { rows, columns } = finestLevel(layout)
  return {
    name: `geometry.${i}`,
    ours: [row.block_rows_cols ? [rows, columns] : [columns, rows], layout.tiles],
    theirs: [row.block_rows_cols ?? row.cols_rows, row.tiles ?? row.tiles_with_thumbnail],
  }
}
