#!/usr/bin/env node
/**
 * Builds the native runtime: `npm run build:native` for this machine, into `kernels/cpu/build`, with its own compiler (CMake,
 * Ninja and a C++20 compiler are needed). `--prebuilt` builds the binary that is in the repository instead, for x86-64 Linux
 * with glibc 2.31 or newer, with the compiler that the Python package `ziglang` brings: `--python` or AERIE_ZIG_PYTHON names a
 * Python that has it.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sourcesHash } from './sources.ts'

const HERE = join(import.meta.dirname, 'cpu')
const ADDON = 'aerie-cpu.node'
/** Debian 11 and Ubuntu 20.04 have this glibc. */
const TARGET = 'x86_64-linux-gnu.2.31'

const { values: options } = parseArgs({
  options: {
    prebuilt: { type: 'boolean', default: false },
    python: { type: 'string', default: process.env['AERIE_ZIG_PYTHON'] ?? 'python3' },
  },
})

if (options.prebuilt) buildPrebuilt(options.python)
else build(join(HERE, 'build'), [])

/** Configures and builds `folder`; returns the addon's path. */
function build(folder: string, definitions: readonly string[]): string {
  cmake([
    ...['-S', HERE, '-B', folder, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release'],
    `-DAERIE_SOURCES=${sourcesHash()}`,
    ...definitions,
  ])
  cmake(['--build', folder, '--target', 'aerie-cpu'])
  const addon = join(folder, ADDON)
  console.log(addon)
  return addon
}

function buildPrebuilt(python: string): void {
  const folder = join(HERE, 'build-prebuilt')
  mkdirSync(folder, { recursive: true })
  // CMake takes a compiler of one word.
  const tool = (name: string, command: string) => {
    const path = join(folder, name)
    writeFileSync(path, `#!/bin/sh\nexec '${python}' -m ziglang ${command} "$@"\n`, { mode: 0o755 })
    return path
  }
  const addon = build(folder, [
    // Optimised throughout, also while CMake tries the compiler: its C++ library is built for each level.
    `-DCMAKE_CXX_COMPILER=${tool('c++', `c++ -target ${TARGET} -O2`)}`,
    `-DCMAKE_AR=${tool('ar', 'ar')}`,
    `-DCMAKE_RANLIB=${tool('ranlib', 'ranlib')}`,
    '-DCMAKE_MODULE_LINKER_FLAGS=-s',
  ])
  const home = join(import.meta.dirname, '../prebuilds/linux-x64')
  mkdirSync(home, { recursive: true })
  copyFileSync(addon, join(home, ADDON))
  console.log(join(home, ADDON))
}

function cmake(parameters: readonly string[]): void {
  execFileSync('cmake', parameters, { stdio: 'inherit' })
}
