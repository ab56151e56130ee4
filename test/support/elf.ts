/** What a 64-bit little-endian ELF file needs of others: libraries, and versions of their symbols. */

export interface ElfNeeds {
  /** `libc.so.6` */
  readonly libraries: readonly string[]
  /** `GLIBC_2.17` */
  readonly versions: readonly string[]
}

/** Section types and a tag of the dynamic section, as in elf.h. */
const SHT_DYNAMIC = 6
const SHT_GNU_VERNEED = 0x6ffffffe
const DT_NEEDED = 1

interface Section {
  readonly type: number
  readonly offset: number
  readonly size: number
  /** Number of the section with its strings. */
  readonly link: number
}

/** Throws for a file of another kind. */
export function elfNeeds(file: Buffer): ElfNeeds {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1)
    throw new Error('not a 64-bit little-endian ELF file')
  const sections = sectionsOf(file)
  const text = (strings: number, at: number) => {
    const start = sections[strings]!.offset + at
    return file.toString('latin1', start, file.indexOf(0, start))
  }
  const libraries: string[] = []
  const versions: string[] = []
  for (const { type, offset, size, link } of sections) {
    if (type === SHT_DYNAMIC)
      for (let at = offset; at < offset + size; at += 16)
        if (file.readBigUInt64LE(at) === BigInt(DT_NEEDED))
          libraries.push(text(link, Number(file.readBigUInt64LE(at + 8))))
    if (type !== SHT_GNU_VERNEED) continue
    // A chain of libraries, each with a chain of versions.
    for (let at = offset, more = 1; more !== 0; at += more) {
      for (let version = at + file.readUInt32LE(at + 8), next = 1; next !== 0; version += next) {
        versions.push(text(link, file.readUInt32LE(version + 8)))
        next = file.readUInt32LE(version + 12)
      }
      more = file.readUInt32LE(at + 12)
    }
  }
  return { libraries, versions }
}

function sectionsOf(file: Buffer): Section[] {
  const table = Number(file.readBigUInt64LE(0x28))
  const [size, count] = [file.readUInt16LE(0x3a), file.readUInt16LE(0x3c)]
  return Array.from({ length: count }, (_, i) => {
    const at = table + i * size
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    }
  })
}
