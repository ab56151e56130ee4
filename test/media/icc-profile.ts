/** A minimal ICC v2 profile of an RGB monitor: three primaries and one gamma (ICC.1:2001-04 §6.3.1.2). */

type Xyz = readonly [number, number, number]

export interface RgbProfile {
  readonly name: string
  /** XYZ of red, green and blue, adapted to D50. */
  readonly primaries: readonly [Xyz, Xyz, Xyz]
  readonly gamma: number
}

/** Adobe RGB (1998), annex C of its specification. */
export const ADOBE_RGB: RgbProfile = {
  name: 'Adobe RGB (1998)',
  primaries: [
    [0.60974, 0.31111, 0.01947],
    [0.20528, 0.62567, 0.06087],
    [0.14919, 0.06322, 0.74457],
  ],
  gamma: 2.19921875,
}

export function iccProfile({ name, primaries, gamma }: RgbProfile): Buffer {
  const [red, green, blue] = primaries
  const curve = Buffer.from([0, 0, 0, 1, 0, 0])
  curve.writeUInt16BE(Math.round(gamma * 256), 4)
  const tags: [string, Buffer][] = [
    [
      'desc',
      typed('desc', Buffer.concat([uint32(name.length + 1), text(`${name}\0`), Buffer.alloc(78)])),
    ],
    ['cprt', typed('text', text('none\0'))],
    ['wtpt', xyz([0.9642, 1, 0.8249])],
    ['rXYZ', xyz(red)],
    ['gXYZ', xyz(green)],
    ['bXYZ', xyz(blue)],
    ...['rTRC', 'gTRC', 'bTRC'].map((tag): [string, Buffer] => [tag, typed('curv', curve)]),
  ]
  const table = [uint32(tags.length)]
  const data: Buffer[] = []
  let at = 128 + 4 + 12 * tags.length
  for (const [tag, content] of tags) {
    const padded = Buffer.concat([content, Buffer.alloc(-content.length & 3)])
    table.push(text(tag), uint32(at), uint32(content.length))
    data.push(padded)
    at += padded.length
  }
  const header = Buffer.alloc(128)
  header.writeUInt32BE(at, 0)
  header.writeUInt32BE(0x02100000, 8)
  header.write('mntrRGB XYZ ', 12, 'latin1')
  header.write('acsp', 36, 'latin1')
  for (const [i, value] of [0.9642, 1, 0.8249].entries())
    header.writeInt32BE(fixed(value), 68 + 4 * i)
  return Buffer.concat([header, ...table, ...data])
}

const text = (value: string) => Buffer.from(value, 'latin1')
const fixed = (value: number) => Math.round(value * 65536)
const typed = (type: string, content: Buffer) =>
  Buffer.concat([text(type), Buffer.alloc(4), content])

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function xyz(values: Xyz): Buffer {
  return typed('XYZ ', Buffer.concat(values.map((value) => uint32(fixed(value)))))
}
