/** What VILA-M3's classifiers of chest X-rays are given, and how their answers are joined (`expert_torchxrayvision.py`). */

/** The classes of every member, in the order of its outputs. */
export const CXR_CLASSES = [
  'Atelectasis',
  'Consolidation',
  'Infiltration',
  'Pneumothorax',
  'Edema',
  'Emphysema',
  'Fibrosis',
  'Effusion',
  'Pneumonia',
  'Pleural_Thickening',
  'Cardiomegaly',
  'Nodule',
  'Mass',
  'Hernia',
  'Lung Lesion',
  'Fracture',
  'Lung Opacity',
  'Enlarged Cardiomediastinum',
] as const

const [ALL, CHEX, NIH, PC, RESNET] = [
  'densenet121-res224-all',
  'densenet121-res224-chex',
  'densenet121-res224-nih',
  'densenet121-res224-pc',
  'resnet50-res512-all',
] as const

const FOUR = [ALL, CHEX, PC, RESNET]

/** Members that decide a class; every other class is the mean over all members, those that do not know it included. */
const DECIDING: Readonly<Record<string, readonly string[]>> = {
  Fracture: [ALL, NIH, CHEX, RESNET],
  Pneumothorax: [RESNET],
  Atelectasis: FOUR,
  Cardiomegaly: FOUR,
  Consolidation: FOUR,
  Edema: FOUR,
  Effusion: FOUR,
}

/** Probability of each class from those that the members give, by member and class. */
export function meanFindings(
  members: Readonly<Record<string, Readonly<Record<string, number>>>>,
): Map<string, number> {
  return new Map(
    CXR_CLASSES.map((name) => {
      const asked = Object.keys(members).filter(
        (member) => DECIDING[name]?.includes(member) ?? true,
      )
      const sum = asked.reduce((total, member) => total + members[member]![name]!, 0)
      return [name, sum / asked.length]
    }),
  )
}

/** A member's probability, moved so that its own threshold becomes one half; without a threshold exactly one half. */
export function atOperatingPoint(probability: number, threshold: number): number {
  if (Number.isNaN(threshold)) return 0.5
  return probability < threshold
    ? probability / (2 * threshold)
    : 1 - (1 - probability) / (2 * (1 - threshold))
}

export interface SquareXray {
  readonly side: number
  /** −1024…1024, row-major. */
  readonly values: Float32Array
}

/** The middle square of a picture's first channel; `data` is `[height, width, channels]` bytes. */
export function squareXray(
  data: Uint8Array,
  width: number,
  height: number,
  channels: number,
): SquareXray {
  const side = Math.min(width, height)
  const start = (length: number) => Math.floor(length / 2) - Math.floor(side / 2)
  const [left, top] = [start(width), start(height)]
  const values = new Float32Array(side * side)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const value = data[((top + y) * width + left + x) * channels]!
      values[y * side + x] = ((2 * value) / 255 - 1) * 1024
    }
  }
  return { side, values }
}
