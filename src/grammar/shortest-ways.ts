/** Fewest bytes from each state to the end of its rule: Knuth's generalisation of Dijkstra's algorithm to grammars (1977). */
import { type Automaton, BYTE, CALL, END, JUMP, UNREACHABLE } from './automaton.ts'

export function shortestWays(
  parts: Pick<Automaton, 'kinds' | 'first' | 'second' | 'targets'>,
): Int32Array {
  const { kinds, first, second } = parts
  const count = kinds.length
  const distance = new Int32Array(count).fill(UNREACHABLE)
  const known = new Uint8Array(count)
  const before = predecessors(parts)
  /** States by distance; distances of what is found grow, so each list is read once. */
  const lists: number[][] = []
  const found = (state: number, way: number) => {
    if (way >= distance[state]! || way >= UNREACHABLE) return
    distance[state] = way
    const list = lists[way]
    if (list) list.push(state)
    else lists[way] = [state]
  }
  for (let state = 0; state < count; state++) if (kinds[state] === END) found(state, 0)
  for (let way = 0; way < lists.length; way++) {
    const list = lists[way]
    if (!list) continue
    for (let i = 0; i < list.length; i++) {
      const state = list[i]!
      if (known[state] || distance[state] !== way) continue
      known[state] = 1
      for (let j = before.starts[state]!; j < before.starts[state + 1]!; j++) {
        const previous = before.states[j]!
        if (kinds[previous] === JUMP) found(previous, way)
        else if (kinds[previous] === BYTE) found(previous, way + 1)
        else {
          const [rule, behind] = [first[previous]!, second[previous]!]
          if (known[rule] && known[behind]) found(previous, distance[rule]! + distance[behind]!)
        }
      }
    }
    lists[way] = []
  }
  return distance
}

/** What leads to each state, one list behind the other: jumps, bytes, and calls under both their rule and what is behind. */
function predecessors({
  kinds,
  first,
  second,
  targets,
}: Pick<Automaton, 'kinds' | 'first' | 'second' | 'targets'>): {
  readonly starts: Int32Array
  readonly states: Int32Array
} {
  const starts = new Int32Array(kinds.length + 1)
  const each = (visit: (state: number, target: number) => void) => {
    for (let state = 0; state < kinds.length; state++) {
      const kind = kinds[state]
      if (kind === JUMP) {
        for (let i = first[state]!; i < second[state]!; i++) visit(state, targets[i]!)
      } else if (kind === BYTE) visit(state, second[state]!)
      else if (kind === CALL) {
        visit(state, first[state]!)
        visit(state, second[state]!)
      }
    }
  }
  each((_, target) => starts[target + 1]!++)
  for (let i = 0; i < kinds.length; i++) starts[i + 1]! += starts[i]!
  const states = new Int32Array(starts[kinds.length]!)
  const filled = starts.slice(0, -1)
  each((state, target) => {
    states[filled[target]!++] = state
  })
  return { starts, states }
}
