/** The binary in the repository: built of the sources beside it, and for every Linux that is promised. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { MARK, sourcesHash } from '../../kernels/sources.ts'
import type { NativeAddon } from '../../src/engine/backends/native-addon.ts'
import { elfNeeds } from '../support/elf.ts'

const FILE = join(import.meta.dirname, '../../prebuilds/linux-x64/aerie-cpu.node')
const MOST_BYTES = 1.5e6
const CANNOT_ASK =
  (process.platform !== 'linux' || process.arch !== 'x64') && 'the binary is for x86-64 Linux'
/** Debian 11, Ubuntu 20.04. */
const NEWEST_GLIBC = [2, 31]

describe('the prebuilt native runtime', () => {
  const file = readFileSync(FILE)

  it('is built of the sources as they are; node kernels/build.ts --prebuilt builds it', () => {
    const at = file.indexOf(MARK) + MARK.length
    assert.ok(at > MARK.length, 'it does not say what it is built of')
    assert.equal(file.toString('latin1', at, at + 64), sourcesHash())
  })

  it('needs the C library alone, and no newer one than glibc 2.31', () => {
    const { libraries, versions } = elfNeeds(file)
    const others = libraries.filter(
      (name) => !/^(libc|libm|libpthread|libdl|librt|ld-linux-x86-64)\.so\.\d+$/.test(name),
    )
    assert.deepEqual(others, [])
    assert.ok(versions.length > 0, 'no version was found')
    const tooNew = versions.filter((version) => {
      const numbers = /^GLIBC_(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number)
      const [major, minor] = numbers ?? [Number.POSITIVE_INFINITY, 0]
      return major! > NEWEST_GLIBC[0]! || (major === NEWEST_GLIBC[0] && minor! > NEWEST_GLIBC[1]!)
    })
    assert.deepEqual(tooNew, [])
  })

  it('offers what this processor has, as the system tells it', { skip: CANNOT_ASK }, () => {
    const flags = new Set(
      /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.split(' '),
    )
    const { isas } = createRequire(import.meta.url)(FILE) as NativeAddon
    const offered: readonly string[] = isas()
    assert.equal(offered.at(-1), 'portable')
    if (['avx2', 'fma', 'f16c'].every((flag) => flags.has(flag)))
      assert.ok(offered.includes('avx2'))
    const has512 = ['avx512f', 'avx512bw', 'avx512vl', 'avx512dq', 'avx512_vnni'].every((flag) =>
      flags.has(flag),
    )
    assert.equal(offered.includes('avx512-vnni'), has512)
  })

  it(`is smaller than ${MOST_BYTES} bytes`, () => {
    assert.ok(file.length < MOST_BYTES, String(file.length))
  })
})
