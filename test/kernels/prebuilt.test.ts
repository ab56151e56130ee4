/** The binary in the repository: built of the sources beside it, and for every Linux that is promised. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { MARK, sourcesHash } from '../../kernels/sources.ts'
import { elfNeeds } from '../support/elf.ts'

const FILE = join(import.meta.dirname, '../../prebuilds/linux-x64/aerie-cpu.node')
const MOST_BYTES = 1.5e6
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

  it(`is smaller than ${MOST_BYTES} bytes`, () => {
    assert.ok(file.length < MOST_BYTES, String(file.length))
  })
})
