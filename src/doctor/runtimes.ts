/** What can execute a model here: ONNX Runtime, the native addon, an NVIDIA GPU with TensorRT. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
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
  const probe = fileURLToPath(new URL('onnx-probe.ts', import.meta.url))
  const failure = await new Promise<string | undefined>((resolve) => {
    execFile(process.execPath, [probe], { timeout: 30_000 }, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined)
      else resolve(stderr.trim().split('\n').at(-1) || `ended by ${error.signal ?? error.code}`)
    })
  })
  return failure === undefined
    ? { name, state: 'ok', text: `${version}, ran a session` }
    : {
        name,
        state: 'bad',
        text: `${version}, cannot run a session: ${failure}`,
        advice: 'needs glibc 2.28 or newer (Debian 10 and on; not Alpine) and a 64-bit processor',
      }
}

/** Our own C++ decoder runtime, built by hand where there is a compiler. */
export function checkNativeAddon(): Finding {
  const name = 'Native addon'
  const path = fileURLToPath(new URL('../../kernels/build/aerie-cpu.node', import.meta.url))
  return existsSync(path)
    ? { name, state: 'ok', text: path }
    : {
        name,
        state: 'note',
        text: 'absent, ONNX Runtime does its work',
        advice: 'nothing to do: this version has none yet',
      }
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
