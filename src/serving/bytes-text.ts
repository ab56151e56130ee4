/** Bytes as people read them. */

/** With three digits: `1.43 GiB`, `320 MiB`. */
export function gibibytes(bytes: number): string {
  const [unit, size] = bytes >= 2 ** 30 ? ['GiB', 2 ** 30] : ['MiB', 2 ** 20]
  return `${Number((bytes / Number(size)).toPrecision(3))} ${unit}`
}
