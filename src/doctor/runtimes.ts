/** What can execute a model here: ONNX Runtime, the native addon, an NVIDIA GPU with TensorRT. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { defaultThreads } from '../cpu.ts'
import { KV_CACHE_TYPES } from '../engine/backend.ts'
import type { Finding } from './finding.ts'
import { output } from './output.ts'

const require = createRequire(import.meta.url)

/** Runs a one-node graph in a process of its own: an unfit binary may take its process down. */
export async function checkOnnxRuntime(): Promise<Finding> {
  const name = 'ONNX Runtime'
  let version: string
  try {
    version = (require('onnxruntime-node/package.json') as { version: string }).version
  } catch {
    return { name, state: 'bad', text: 'not installed', advice: 'run `npm ci`' }
  }
  const { failure } = await probe('onnx-probe.ts')
  return failure === undefined
    ? { name, state: 'ok', text: `${version}, ran a session` }
    : {
        name,
        state: 'bad',
        text: `${version}, cannot run a session: ${failure}`,
        advice: 'needs glibc 2.28 or newer (Debian 10 and on; not Alpine) and a 64-bit processor',
      }
}

/** What the probe of the native runtime prints. */
type NativeProbe =
  | { readonly path: string; readonly isas: readonly string[]; readonly sources: string }
  | { readonly reason: string }

/** Our own C++ runtime: that it computes, with which instruction set, and which build it is. */
export async function checkNativeAddon(): Promise<Finding> {
  const name = 'Native addon'
  const { failure, text } = await probe('native-probe.ts')
  if (failure !== undefined) {
    return {
      name,
      state: 'bad',
      text: `cannot compute: ${failure}`,
      advice: 'set `backend: onnx`, or run `npm run build:native`',
    }
  }
  const found = JSON.parse(text) as NativeProbe
  if ('reason' in found) {
    return {
      name,
      state: 'note',
      text: `${found.reason}; ONNX Runtime does its work`,
      advice: '`npm run build:native` builds it; CMake, Ninja and a C++ compiler are needed',
    }
  }
  const { isas, sources, path } = found
  const threads = defaultThreads()
  const many = `${threads} ${threads === 1 ? 'thread' : 'threads'}`
  const kind = path.includes('prebuilds') ? 'prebuilt' : 'built here'
  return {
    name,
    state: 'ok',
    text: `${isas[0]}, ${many}, keys and values as ${KV_CACHE_TYPES.join(', ')}, ${kind} of sources ${sources.slice(0, 12)}`,
  }
}

/** Runs a program of this folder in a process of its own. */
async function probe(file: string): Promise<{ failure?: string; text: string }> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return await new Promise((resolve) => {
    execFile(process.execPath, [path], { timeout: 30_000 }, (error, stdout, stderr) => {
      if (error === null) return resolve({ text: stdout })
      const last = stderr.trim().split('\n').at(-1)
      resolve({ failure: last || `ended by ${error.signal ?? error.code}`, text: stdout })
    })
  })
}

/** GPU and driver; `nvidia-smi` comes with the driver. */
export async function checkGpu(): Promise<Finding> {
  const name = 'NVIDIA GPU'
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader']
  const gpus = (await output('nvidia-smi', query))?.trim().split('\n')
  if (gpus !== undefined) {
    return { name, state: 'ok', text: `${gpus.join('; ')} (not used by this version)` }
  }
  const hasDriver = existsSync('/proc/driver/nvidia/version')
  return {
    name,
    state: 'note',
    text: hasDriver ? 'driver present, nvidia-smi does not answer' : 'none, models run on the CPU',
    advice: hasDriver
      ? 'run `nvidia-smi` to see why; in a container, start it with the GPU passed in'
      : 'nothing to do: the CPU is the default',
  }
}

/** TensorRT's library where the dynamic linker finds it. */
export async function checkTensorRt(): Promise<Finding> {
  const name = 'TensorRT'
  const cache = (await output('ldconfig', ['-p'])) ?? (await output('/sbin/ldconfig', ['-p'])) ?? ''
  const library = /libnvinfer\.so\.\d+.*=> (\S+)/.exec(cache)?.[1]
  return library === undefined
    ? { name, state: 'note', text: 'no libnvinfer', advice: 'nothing to do without an NVIDIA GPU' }
    : { name, state: 'ok', text: `${library} (not used by this version)` }
}
