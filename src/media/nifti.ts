/** NIfTI-1 files (`.nii`, `.nii.gz`) → one volume with its place in space; layout of the header: nifti1.h of the NIfTI group. */
import { gunzipSync } from 'node:zlib'
import type { Volume } from '../../models/vila-m3/slices.ts'
import { AerieError } from '../errors.ts'

const HEADER_BYTES = 348

/** How a voxel is stored, by the header's `datatype`. */
const VOXELS: Readonly<
  Record<number, { bytes: number; read(view: DataView, at: number, little: boolean): number }>
> = {
  2: { bytes: 1, read: (view, at) => view.getUint8(at) },
  4: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  8: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  16: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  64: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  256: { bytes: 1, read: (view, at) => view.getInt8(at) },
  512: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  768: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
}

/**
 * Reads a file of at most `maxBytes` unpacked bytes. Throws `media_too_large`, or `invalid_media` for a damaged file, one of
 * more than three dimensions, or a voxel type that holds no plain number; `what` names it.
 */
export function readNifti(file: Uint8Array, maxBytes: number, what: string): Volume {
  const bytes = unpacked(file, maxBytes, what)
  if (bytes.length < HEADER_BYTES) throw invalid(what, `${bytes.length} bytes are no NIfTI header`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = view.getInt32(0, true) === HEADER_BYTES
  if (!little && view.getInt32(0, false) !== HEADER_BYTES)
    throw invalid(what, 'the header is not one of NIfTI-1')
  const short = (at: number) => view.getInt16(at, little)
  const float = (at: number) => view.getFloat32(at, little)
  const dimensions = Array.from({ length: 7 }, (_, i) => short(42 + 2 * i)).slice(0, short(40))
  const [x = 0, y = 1, z = 1, ...more] = dimensions
  if (x < 1 || y < 1 || z < 1 || more.some((length) => length !== 1))
    throw invalid(what, `expected one volume, got dimensions ${dimensions.join(' × ')}`)
  const voxel = VOXELS[short(70)]
  if (!voxel) throw invalid(what, `voxels of type ${short(70)} are not read here`)
  const start = float(108)
  const count = x * y * z
  if (
    !Number.isInteger(start) ||
    start < HEADER_BYTES ||
    start + count * voxel.bytes > bytes.length
  )
    throw invalid(what, `${count} voxels do not fit into ${bytes.length} bytes from ${start} on`)
  const slope = float(112)
  const isScaled = Number.isFinite(slope) && slope !== 0
  const intercept = isScaled ? float(116) : 0
  const values = Float32Array.from({ length: count }, (_, i) => {
    const stored = voxel.read(view, start + i * voxel.bytes, little)
    return isScaled ? stored * slope + intercept : stored
  })
  return { shape: [x, y, z], values, affine: affineOf(view, little, [x, y, z]) }
}

/** The first that the header has of: a matrix, a rotation with the sizes of a voxel, the sizes alone around the middle. */
function affineOf(view: DataView, little: boolean, shape: readonly number[]): number[][] {
  const float = (at: number) => view.getFloat32(at, little)
  const hasMatrix = view.getInt16(254, little) > 0
  if (hasMatrix)
    return [280, 296, 312].map((row) => [0, 1, 2, 3].map((column) => float(row + 4 * column)))
  const sizes = [80, 84, 88].map(float)
  if (view.getInt16(252, little) > 0) return rotated(float, sizes)
  // Analyze's habit, which readers keep: without any place, the first axis runs to the left.
  const signs = [-1, 1, 1]
  return sizes.map((size, axis) => [
    ...[0, 1, 2].map((column) => (column === axis ? signs[axis]! * size : 0)),
    (-signs[axis]! * size * (shape[axis]! - 1)) / 2,
  ])
}

/** From a unit quaternion whose first part is left out, and offsets. */
function rotated(float: (at: number) => number, sizes: readonly number[]): number[][] {
  const [b, c, d] = [256, 260, 264].map(float) as [number, number, number]
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d))
  const handed = float(76) < 0 ? -1 : 1
  const rotation = [
    [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
    [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
    [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
  ]
  return rotation.map((row, i) => [
    ...row.map((value, axis) => value * sizes[axis]! * (axis === 2 ? handed : 1)),
    float(268 + 4 * i),
  ])
}

function unpacked(file: Uint8Array, maxBytes: number, what: string): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file
  try {
    return gunzipSync(file, { maxOutputLength: maxBytes })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new AerieError('media_too_large', `${what}: more than ${maxBytes} bytes unpacked`, {
        cause,
      })
    throw invalid(what, (cause as Error).message)
  }
}

function invalid(what: string, reason: string): AerieError {
  return new AerieError('invalid_media', `${what}: ${reason}`)
}
