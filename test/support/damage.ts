/** Damages descriptions the way an attacker or a broken disk would. Every damage is a function of its random numbers. */

/** A copy with one to four values, keys or structures changed. */
export function damageJson(value: unknown, random: () => number): unknown {
  let damaged = structuredClone(value)
  const times = 1 + Math.floor(random() * 4)
  for (let i = 0; i < times; i++) damaged = damageOnce(damaged, random)
  return damaged
}

/** A copy with some of its first `length` bytes changed, or cut off. */
export function damageBytes(bytes: Buffer, random: () => number, length: number): Buffer {
  if (random() < 0.1) return bytes.subarray(0, Math.floor(random() * length))
  const copy = Buffer.from(bytes)
  const times = 1 + Math.floor(random() * 8)
  for (let i = 0; i < times; i++) {
    // The first bytes say the most.
    const at = Math.floor(random() * (random() < 0.2 ? 8 : length))
    copy[at] = random() < 0.5 ? copy[at]! ^ (1 << Math.floor(random() * 8)) : random() * 256
  }
  return copy
}

type Container = Record<string, unknown> | unknown[]

function damageOnce(root: unknown, random: () => number): unknown {
  const places: { container: Container; key: string }[] = []
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth > 50) return
    for (const key of Object.keys(value)) {
      places.push({ container: value as Container, key })
      visit((value as Record<string, unknown>)[key], depth + 1)
    }
  }
  visit(root, 0)
  if (places.length === 0 || random() < 0.02) return odd(random)
  const { container, key } = places[Math.floor(random() * places.length)]!
  const fields = container as Record<string, unknown>
  const kind = random()
  if (kind < 0.15 && !Array.isArray(container)) delete fields[key]
  else if (kind < 0.25 && !Array.isArray(container)) fields[oddText(random)] = fields[key]
  else if (kind < 0.35) fields[key] = [fields[key], fields[key]]
  else if (kind < 0.4) fields[key] = nested(fields[key], 200)
  else if (kind < 0.5 && typeof fields[key] === 'number')
    fields[key] = (fields[key] as number) * (random() < 0.5 ? -1 : 2 ** Math.floor(random() * 60))
  else fields[key] = odd(random)
  return root
}

function nested(value: unknown, depth: number): unknown {
  let deep = value
  for (let i = 0; i < depth; i++) deep = [deep]
  return deep
}

function odd(random: () => number): unknown {
  const values: unknown[] = [
    ...[null, true, {}, [], '', 0, -1, 0.5, 1e308, 2 ** 53, 2 ** 24, 1024, 1],
    ...[[[]], [0], [2 ** 40, 2 ** 40], { a: 1 }, 'F32', 'F8_E4M3'],
    oddText(random),
  ]
  return values[Math.floor(random() * values.length)]
}

function oddText(random: () => number): string {
  const texts = [
    ...['../secret.safetensors', '/etc/passwd', '..', '.', 'a/../../b.safetensors', 'a\\..\\b'],
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length'],
    ...['\u0000', 'model\u0000.safetensors', '\ud800', '漢', 'x'.repeat(10_000)],
    ...['-rf.safetensors', 'model.safetensors', 'model-00001-of-00002.safetensors'],
  ]
  return texts[Math.floor(random() * texts.length)]!
}
