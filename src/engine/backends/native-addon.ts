/** Finds and loads the native runtime: built here, or as it comes with the server. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type * as native from '../../../kernels/cpu/native.d.ts'

export type NativeAddon = typeof native
export type NativePool = native.Pool
export type NativeKv = native.KvStore
export type NativeStates = native.StateStore
export type NativeRunnable = native.Program
export type NativeAdapter = native.Adapter
export type NativeFile = native.MappedFile
export type NativeBlock = native.MappedBlock
export type NativeWeightSpec = native.DenseWeight | native.BlockWeight | native.QuantisedWeight

/** The addon and its file, or why there is none. */
export type AddonSearch =
  | { readonly addon: NativeAddon; readonly path: string }
  | { readonly reason: string }

/**
 * Instruction sets on which ONNX Runtime runs towers faster than this runtime does (docs/performance.md): of SigLIP-so400m
 * 1.3 times in float32 and 1.25 times in int8 on two threads.
 */
export const FASTER_ON_ONNX: ReadonlySet<string> = new Set(['avx512-vnni'])

/** What was built on this machine comes before what the server brings. */
const PLACES = [
  '../../../kernels/cpu/build/aerie-cpu.node',
  `../../../prebuilds/${process.platform}-${process.arch}/aerie-cpu.node`,
].map((place) => fileURLToPath(new URL(place, import.meta.url)))

let found: AddonSearch | undefined

/** Looks once a thread; never throws. */
export function findNativeAddon(): AddonSearch {
  found ??= search()
  return found
}

function search(): AddonSearch {
  const path = PLACES.find((place) => existsSync(place))
  if (path === undefined)
    return { reason: `no native runtime for ${process.platform}-${process.arch} is built` }
  try {
    const addon = createRequire(import.meta.url)(path) as NativeAddon
    return { addon, path }
  } catch (error) {
    return { reason: `${path} cannot be loaded: ${(error as Error).message}` }
  }
}
