/** Tensors of VILA-M3's transcripts: slices of volumes, labels over them, and what the X-ray classifiers are given. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { atOperatingPoint, meanFindings, squareXray } from '../../models/vila-m3/chest-xray.ts'
import { cxrFeedback } from '../../models/vila-m3/conversation.ts'
import {
  labelColours,
  overlay,
  slicePicture,
  toRas,
  type Volume,
  windowed,
} from '../../models/vila-m3/slices.ts'
import { readNifti } from '../media/nifti.ts'
import type { ComputedTensor, Fact } from './compare.ts'
import { readPicture } from './read-picture.ts'
import type { ReferenceCase } from './reference-case.ts'

interface SliceRow {
  readonly volume: string
  readonly label_volume?: string | null
  readonly modality: string
  readonly slice_index: number | null
  readonly axis: number
  readonly tensor?: string
  readonly overlay_tensor?: string
  readonly colormap?: Readonly<Record<string, string>>
  readonly error?: string
}

interface XrayRow {
  readonly file: string
  readonly tensor: string
}

interface FindingsRow {
  readonly probabilities: string
  readonly text: string
}

const MOST_BYTES = 1 << 30

export interface ExpertPictures {
  readonly tensors: ReadonlyMap<string, ComputedTensor>
  readonly leftOut: ReadonlyMap<string, string>
  readonly facts: readonly Fact[]
}

export async function expertPictures(reference: ReferenceCase): Promise<ExpertPictures> {
  const { expected, tensors: recorded } = reference
  const tensors = new Map<string, ComputedTensor>()
  const facts: Fact[] = []
  for (const [i, row] of ((expected['slices'] ?? []) as readonly SliceRow[]).entries())
    facts.push(...(await addSlice(reference, row, i, tensors)))
  for (const { file, tensor } of (expected['cxr_preprocess'] ?? []) as readonly XrayRow[]) {
    const { data, width, height } = await readPicture(join(reference.folder, 'inputs', file))
    const { side, values } = squareXray(data, width, height, 3)
    tensors.set(tensor, { shape: [1, 1, side, side], values })
  }
  const members = expected['cxr_probabilities'] as Record<
    string,
    Record<string, Record<string, number>>
  >
  for (const row of (expected['cxr_text'] ?? []) as readonly FindingsRow[]) {
    const ours = cxrFeedback(meanFindings(members[row.probabilities]!))
    facts.push({ name: `cxr_text.${row.probabilities}`, ours, theirs: row.text })
  }
  addOperatingPoints(recorded, tensors)
  return { tensors, facts, leftOut: leftOut(recorded) }
}

/** A volume of `inputs/`, turned to the right, front and up. */
export async function loadVolume({ folder }: ReferenceCase, file: string): Promise<Volume> {
  return toRas(readNifti(await readFile(join(folder, 'inputs', file)), MOST_BYTES, file))
}

async function addSlice(
  reference: ReferenceCase,
  row: SliceRow,
  i: number,
  tensors: Map<string, ComputedTensor>,
): Promise<Fact[]> {
  const { modality, axis, volume } = row
  const index = row.slice_index ?? undefined
  const show = async () => {
    if (modality !== 'CT' && modality !== 'MRI') throw new RangeError(modality)
    return slicePicture(windowed(await loadVolume(reference, volume), modality), index, axis)
  }
  if (row.tensor === undefined) {
    const refused = await show().then(
      () => false,
      (error) => error instanceof RangeError,
    )
    return [{ name: `slices.${i}.refused`, ours: refused, theirs: row.error !== undefined }]
  }
  const picture = await show()
  const shape = [picture.height, picture.width]
  tensors.set(row.tensor, { shape, values: picture.data })
  if (!row.label_volume) return []
  const labels = slicePicture(await loadVolume(reference, row.label_volume), index, axis)
  if (row.overlay_tensor)
    tensors.set(row.overlay_tensor, { shape: [...shape, 3], values: overlay(picture, labels) })
  const colours = Object.fromEntries(labelColours(labels))
  return [{ name: `slices.${i}.colours`, ours: colours, theirs: row.colormap }]
}

function addOperatingPoints(
  recorded: ReferenceCase['tensors'],
  tensors: Map<string, ComputedTensor>,
): void {
  const probabilities = recorded.get('op_norm.probabilities')
  const thresholds = recorded.get('op_norm.thresholds')
  if (!probabilities || !thresholds) return
  const { length } = thresholds.values
  const values = probabilities.values.map((p, i) =>
    atOperatingPoint(p, thresholds.values[i % length]!),
  )
  tensors.set('op_norm.output', { shape: probabilities.shape, values })
}

function leftOut(recorded: ReferenceCase['tensors']): Map<string, string> {
  const reasons: [RegExp, string][] = [
    [/^op_norm\.(probabilities|thresholds)$/, 'an input'],
    [/^dicom\./, 'DICOM series are read by the medical plug-in, which is not there yet'],
  ]
  return new Map(
    [...recorded.keys()].flatMap((name) => {
      const reason = reasons.find(([pattern]) => pattern.test(name))?.[1]
      return reason === undefined ? [] : [[name, reason] as const]
    }),
  )
}
