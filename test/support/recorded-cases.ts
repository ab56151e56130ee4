/** Recorded cases by their place: those of `test/fixtures`, and all others where the folder with all of them is. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { KeptRows } from '../../src/parity/reference-case.ts'
import { readSafetensors } from './safetensors-file.ts'

const ROOT = resolve(import.meta.dirname, '../..')
export const FIXTURES = resolve(ROOT, 'test/fixtures')
/** Where all cases are, whole; `.ci/run` looks at the same place. */
export const ALL_CASES = resolve(process.env['RECORDED_CASES'] ?? join(ROOT, '../shared/fixtures'))

export interface RecordedCase {
  readonly folder: string
  /** For a test that needs the case: false, or why it cannot run and what to do about it. */
  readonly skip: false | string
}

/** A case such as `vila/vila15`, from `test/fixtures` if it is there. */
export function recordedCase(place: string): RecordedCase {
  const own = join(FIXTURES, place)
  return existsSync(join(own, 'expected.json')) ? { folder: own, skip: false } : wholeCase(place)
}

/** A case with every tensor and input that was recorded. */
export function wholeCase(place: string): RecordedCase {
  const folder = join(ALL_CASES, place)
  const skip =
    !existsSync(join(folder, 'expected.json')) &&
    `the recorded case ${place} is not there; set RECORDED_CASES to the folder with all cases (test/fixtures/README.md)`
  return { folder, skip }
}

/** A tensor's recorded values, of which a case of `test/fixtures` may keep some rows only. */
export interface RecordedTensor {
  readonly values: Float32Array
  /** Of the whole tensor, along the axis before the last. */
  readonly rows: number
  /** The values of a row of a matrix, or undefined for one that was cut. */
  row(index: number): Float32Array | undefined
}

/** The tensors of a case by name; matrices can be read row by row. */
export function recordedTensors(folder: string): Map<string, RecordedTensor> {
  const { cut = {}, tensors } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
    cut?: Record<string, KeptRows>
    tensors: Record<string, { shape: readonly number[] }>
  }
  return new Map(
    [...readSafetensors(join(folder, 'expected.safetensors'))].map(([name, values]) => {
      const of = cut[name]?.of ?? tensors[name]?.shape.at(-2) ?? 1
      const every = cut[name]?.every ?? 1
      const width = values.length / Math.ceil(of / every)
      const row = (index: number) =>
        index % every === 0
          ? values.subarray((index / every) * width, (index / every + 1) * width)
          : undefined
      return [name, { values, rows: of, row }]
    }),
  )
}
